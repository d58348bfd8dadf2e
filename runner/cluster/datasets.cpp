#include "runner/cluster/datasets.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "common/json/members.h"
#include "common/result/try.h"
#include "common/spec/nearest_name.h"
#include "common/time/rfc3339.h"
#include "runner/cluster/plain_error.h"

namespace parallelrun::cluster {
namespace {

using kube::KubeClient;
using nlohmann::json;

constexpr int kDatasetPage = 100;  // one may have hundreds of versions
constexpr int kMostTries = 10;

const kube::Resource& datasets() {
  static const kube::Resource kDatasets{"parallelrun.dev", "v1alpha1", "parallelrundatasets"};
  return kDatasets;
}

std::string dataset_name(const json& object) { return text_at(object_at(object, "metadata"), "name"); }

Result<Dataset> read(const json& object) {
  ParsedDataset parsed = parse_dataset_document(object);
  if (parsed.ok()) return std::move(parsed.dataset);
  return Error{ErrorCode::kCorrupt,
               fmt::format("the dataset {} of the cluster cannot be read: {}",
                           in_quotes(dataset_name(object)), to_string(parsed.problems.front())),
               false};
}

}  // namespace

Error Datasets::plain(const kube::ApiError& error, const char* verb, const std::string& name) const {
  return plain_error(error, {verb, kDatasetsInWords, connection_.name_space(), name}, connection_.server());
}

Result<Datasets::Listed> Datasets::list() {
  Listed listed;
  std::string next;
  do {
    const auto page =
        connection_.client().list_page(datasets(), connection_.name_space(), {}, kDatasetPage, next, stop_);
    if (!page.ok()) return plain(page.error(), "list", "");
    const auto items = page.value().find("items");
    if (items == page.value().end() || !items->is_array()) break;
    for (const json& item : *items) {
      // Items of a list have neither kind nor version.
      json whole = item;
      whole["apiVersion"] = kApiVersion;
      whole["kind"] = kDatasetKind;
      Result<Dataset> dataset = read(whole);
      if (dataset) {
        listed.datasets.push_back(std::move(*dataset));
      } else {
        listed.broken.push_back(dataset.error());
      }
    }
    next = text_at(object_at(page.value(), "metadata"), "continue");
  } while (!next.empty());
  std::sort(listed.datasets.begin(), listed.datasets.end(),
            [](const Dataset& a, const Dataset& b) { return a.name < b.name; });
  return listed;
}

Result<Dataset> Datasets::get(const std::string& name) {
  const auto found = connection_.client().get(datasets(), {connection_.name_space(), name, ""}, stop_);
  if (found.ok()) return read(found.value());
  Error error = plain(found.error(), "get", name);
  if (error.code != ErrorCode::kNotFound) return error;
  std::string near;
  if (const auto listed = list(); listed) {
    std::vector<std::string> names;
    for (const Dataset& dataset : listed.value().datasets) names.push_back(dataset.name);
    near = names.empty() ? "; it has none" : did_you_mean(name, names);
  }
  return Error{ErrorCode::kNotFound,
               fmt::format("there is no dataset {} in the namespace {}{} (parallelrun datasets register "
                           "registers one)",
                           in_quotes(name), in_quotes(connection_.name_space()), near),
               false};
}

// Adds the new version to the list as the server has it, and writes nothing else.
Status Datasets::write(const json* there, const Registration& registration) {
  const Dataset& dataset = registration.dataset;
  if (there == nullptr) {
    const auto made =
        connection_.client().create(datasets(), {connection_.name_space(), "", ""}, to_json(dataset),
                                    kFieldManager, KubeClient::Answer::kMetadata, stop_);
    if (made.ok()) return {};
    return plain(made.error(), "create", dataset.name);
  }
  json versions = object_at(*there, "spec").value("versions", json::array());
  for (const std::int64_t number : registration.added) versions.push_back(to_json(*dataset.find(number)));
  json patch = {{"metadata", dataset.metadata}, {"spec", {{"versions", std::move(versions)}}}};
  patch["metadata"]["resourceVersion"] = text_at(object_at(*there, "metadata"), "resourceVersion");
  const auto patched =
      connection_.client().merge_patch(datasets(), {connection_.name_space(), dataset.name, ""}, patch,
                                       kFieldManager, KubeClient::Answer::kMetadata, stop_);
  if (patched.ok()) return {};
  return plain(patched.error(), "patch", dataset.name);
}

Result<Registration> Datasets::change(const std::string& name, const Change& change) {
  for (int tries = 1;; ++tries) {
    const auto found = connection_.client().get(datasets(), {connection_.name_space(), name, ""}, stop_);
    std::optional<Dataset> there;
    if (found.ok()) {
      ASSIGN_OR_RETURN(there, read(found.value()));
    } else if (Error error = plain(found.error(), "get", name); error.code != ErrorCode::kNotFound) {
      return error;
    }
    ASSIGN_OR_RETURN(Registration registration, change(there ? &*there : nullptr));
    if (registration.added.empty()) return registration;
    const Status written = write(there ? &found.value() : nullptr, registration);
    if (written) return registration;
    if (written.error().code != ErrorCode::kConflict || tries == kMostTries) return written.error();
  }
}

Result<Registration> Datasets::add(const Dataset& dataset) {
  return change(dataset.name, [&](const Dataset* there) { return register_versions(there, dataset); });
}

Result<Registration> Datasets::add(NewVersion version) {
  if (version.version.created.empty()) {
    version.version.created =
        rfc3339_seconds(std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));
  }
  return change(version.name, [&](const Dataset* there) { return register_version(there, version); });
}

}  // namespace parallelrun::cluster
