// What the Python package reads and writes in a namespace beside jobs: datasets, and the ConfigMap and the
// Secrets of a workspace. One object as JSON on standard output, or on standard input, so that what a Secret
// holds stands in no list of processes.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "common/json/compact_text.h"
#include "common/json/members.h"
#include "common/text/presentable.h"
#include "runner/cli/cluster_argument.h"
#include "runner/cli/launcher.h"
#include "runner/cli/manifest_argument.h"
#include "runner/cli/shown.h"
#include "runner/cli/verbs.h"
#include "runner/cluster/interrupt.h"
#include "runner/cluster/plain_error.h"

namespace parallelrun {
namespace {

using kube::ApiFailure;
using kube::KubeClient;
using nlohmann::json;

constexpr int kMostObjects = 500;  // of a page

struct Kind {
  kube::Resource resource;
  std::string in_words;  // as RBAC and messages call it
};

const std::map<std::string, Kind>& kinds() {
  static const std::map<std::string, Kind> kKinds = {
      {"ConfigMap", {{"", "v1", "configmaps"}, "configmaps"}},
      {"Secret", {{"", "v1", "secrets"}, "secrets"}},
      {"ParallelRunJob", {{"parallelrun.dev", "v1alpha1", "parallelrunjobs"}, cluster::kJobsInWords}},
      {"ParallelRunDataset",
       {{"parallelrun.dev", "v1alpha1", "parallelrundatasets"}, cluster::kDatasetsInWords}}};
  return kKinds;
}

struct GivenToObject {
  std::string deed;
  std::string kind;
  std::string name;
  std::string labels;
  cluster::ClusterChoice cluster;
};

int print_json(const json& value) { return print(compact_text(value) + "\n") ? kExitComplete : kExitFailed; }

class Object {
 public:
  Object(const GivenToObject& given, cluster::Connection& connection, std::stop_token stop)
      : given_(given), kind_(kinds().at(given.kind)), connection_(connection), stop_(std::move(stop)) {}

  // null: there is none.
  int get() {
    const auto found = connection_.client().get(kind_.resource, place(given_.name), stop_);
    if (found.ok()) return print_json(found.value());
    return found.error().failure == ApiFailure::kNotFound ? print_json(nullptr)
                                                          : fail(found.error(), "get", given_.name);
  }

  int list() {
    json all = json::array();
    std::string next;
    do {
      const auto page = connection_.client().list_page(kind_.resource, connection_.name_space(),
                                                       {given_.labels, ""}, kMostObjects, next, stop_);
      if (!page.ok()) return fail(page.error(), "list", "");
      for (const json& one : page.value().value("items", json::array())) all.push_back(one);
      next = text_at(object_at(page.value(), "metadata"), "continue");
    } while (!next.empty());
    return print_json(all);
  }

  // Without a resourceVersion it is made, else patched if nobody has changed it. null: somebody was faster.
  int put() {
    const auto text = read_manifest_file("-");
    if (!text) return print_error(text.error());
    const json object = json::parse(*text, nullptr, false);
    const std::string name = text_at(object_at(object, "metadata"), "name");
    if (name.empty()) {
      std::fprintf(stderr, "parallelrun: standard input must be an object in JSON with metadata.name\n");
      return kExitInvalid;
    }
    const bool made = text_at(object_at(object, "metadata"), "resourceVersion").empty();
    // Answers with the metadata alone: what a Secret holds is printed nowhere.
    const auto written =
        made ? connection_.client().create(kind_.resource, place(""), object, cluster::kFieldManager,
                                           KubeClient::Answer::kMetadata, stop_)
             : connection_.client().merge_patch(kind_.resource, place(name), object, cluster::kFieldManager,
                                                KubeClient::Answer::kMetadata, stop_);
    if (written.ok()) return print_json(object_at(written.value(), "metadata"));
    const ApiFailure failure = written.error().failure;
    const bool late = failure == ApiFailure::kAlreadyExists || failure == ApiFailure::kConflict ||
                      (failure == ApiFailure::kNotFound && !made);
    return late ? print_json(nullptr) : fail(written.error(), made ? "create" : "patch", name);
  }

 private:
  kube::ObjectPath place(const std::string& name) const { return {connection_.name_space(), name, ""}; }

  int fail(const kube::ApiError& error, const char* verb, const std::string& name) const {
    return print_error(cluster::plain_error(error, {verb, kind_.in_words, connection_.name_space(), name},
                                            connection_.server()));
  }

  const GivenToObject& given_;
  const Kind& kind_;
  cluster::Connection& connection_;
  const std::stop_token stop_;
};

int run_object(const GivenToObject& given) {
  if (given.name.empty() == (given.deed == "get")) {
    std::fprintf(stderr, "parallelrun: NAME is for get, and get needs it\n");
    return kExitInvalid;
  }
  cluster::Interrupt interrupt;
  const auto connection = connect(given.cluster);
  if (!connection) return kExitInvalid;
  Object object(given, *connection, interrupt.token());
  return given.deed == "get" ? object.get() : given.deed == "list" ? object.list() : object.put();
}

}  // namespace

Verb add_object(CLI::App& program) {
  const auto given = std::make_shared<GivenToObject>();
  CLI::App* verb =
      program.add_subcommand("object", "an object of a namespace as JSON (called by the Python package)");
  verb->add_option("DEED", given->deed, "get NAME; list; put, which reads it from standard input")
      ->required()
      ->check(CLI::IsMember({"get", "list", "put"}));
  verb->add_option("KIND", given->kind, "of the object")
      ->required()
      ->check(CLI::IsMember({"ConfigMap", "Secret", "ParallelRunJob", "ParallelRunDataset"}));
  verb->add_option("NAME", given->name, "for get: of the object");
  verb->add_option("--labels", given->labels, "for list: SELECTOR");
  add_cluster_options(*verb, given->cluster);
  return {verb, [given] { return run_object(*given); }};
}

}  // namespace parallelrun
