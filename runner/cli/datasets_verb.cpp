#include "runner/cli/datasets_verb.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "common/result/denied.h"
#include "common/spec/field.h"
#include "common/spec/field_path.h"
#include "common/text/presentable.h"
#include "common/time/rfc3339.h"
#include "runner/cli/cluster_argument.h"
#include "runner/cli/dataset_argument.h"
#include "runner/cli/dataset_place.h"
#include "runner/cli/launcher.h"
#include "runner/cli/manifest_argument.h"
#include "runner/cli/shown.h"
#include "runner/cli/terminal.h"
#include "runner/cluster/submission.h"

namespace parallelrun {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using nlohmann::ordered_json;

struct GivenToDatasets {
  std::string folder;               // --datasets
  std::string name;                 // of a dataset; register: or a file
  std::vector<std::string> paths;   // --path
  std::vector<std::string> claims;  // --claim
  std::string source;               // --source
  std::string type = "file";        // --type
  std::string glob;
  std::string path_pattern;
  std::string format;
  std::string description;
  bool new_version = false;
  std::int64_t version = 0;  // --version; 0: the next one
  Form form = Form::kTable;
  cluster::ClusterChoice cluster;

  // The plugin of kubectl means a cluster, unless a folder is named.
  bool in_cluster() const { return cluster.given() || (is_kubectl_plugin() && folder.empty()); }
};

int refuse_dataset(const Error& error) {
  const bool of_the_user =
      error.code != ErrorCode::kIo && error.code != kDenied && error.code != ErrorCode::kUnavailable;
  return refuse(error.message, of_the_user ? kExitInvalid : kExitFailed);
}

// Null: what is in the way has been printed.
std::unique_ptr<DatasetPlace> dataset_place_of(const GivenToDatasets& given) {
  if (given.cluster.given() && !given.folder.empty()) {
    refuse(
        "--datasets names a folder of this machine, and -n, --context and --kubeconfig a cluster; give one",
        kExitInvalid);
    return nullptr;
  }
  return given.in_cluster() ? dataset_cluster_place(given.cluster) : dataset_folder_place(given.folder);
}

int end_with(const std::string& text) { return print(text) ? kExitComplete : kExitFailed; }

bool for_people(Form form) { return form == Form::kTable || form == Form::kWide; }

// --- list

int list(const GivenToDatasets& given) {
  const auto place = dataset_place_of(given);
  if (!place) return kExitInvalid;
  auto listed = place->list();
  if (!listed) return refuse_dataset(listed.error());
  const std::vector<Dataset>& datasets = listed->datasets;
  const bool broken = !listed->broken.empty();
  for (const Error& error : listed->broken) warn(error.message);
  if (datasets.empty() && for_people(given.form)) {
    std::fprintf(
        stderr,
        "parallelrun: no dataset is registered in %s; parallelrun datasets register %s registers one\n",
        place->in_words().c_str(), place->how_to_register().c_str());
    return broken ? kExitFailed : kExitComplete;
  }
  std::string text;
  if (given.form == Form::kName) {
    for (const Dataset& dataset : datasets) text += dataset.name + "\n";
  } else if (!for_people(given.form)) {
    ordered_json all = ordered_json::array();
    for (const Dataset& dataset : datasets) all.push_back(in_usual_order(dataset));
    text = document_text(all, given.form);
  } else {
    const bool wide = given.form == Form::kWide;
    std::vector<std::string> heads = {"NAME", "TYPE", "NEWEST", "VERSIONS"};
    if (wide) heads.insert(heads.end(), {"CREATED", "DESCRIPTION"});
    heads.emplace_back("SOURCE");
    std::vector<std::vector<std::string>> rows;
    for (const Dataset& dataset : datasets) {
      const DatasetVersion& newest = dataset.newest();
      std::vector<std::string> row = {dataset.name, std::string(to_string(dataset.type)),
                                      std::to_string(newest.version),
                                      std::to_string(dataset.versions.size())};
      if (wide) row.insert(row.end(), {newest.created, newest.description});
      row.push_back(place_in_words(newest));
      rows.push_back(std::move(row));
    }
    text = table(heads, rows, screen_of(STDOUT_FILENO, wide));
  }
  const int code = end_with(text);
  return broken ? kExitFailed : code;
}

// --- show

int show(const GivenToDatasets& given) {
  const auto place = dataset_place_of(given);
  if (!place) return kExitInvalid;
  const auto dataset = place->read(given.name);
  if (!dataset) return refuse_dataset(dataset.error());
  if (given.form == Form::kName) return end_with(dataset->name + "\n");
  if (!for_people(given.form)) return end_with(document_text(in_usual_order(*dataset), given.form));
  const bool wide = given.form == Form::kWide;
  std::vector<std::vector<std::string>> rows;
  for (const DatasetVersion& version : dataset->versions) {
    rows.push_back(
        {std::to_string(version.version), version.created, version.description, place_in_words(version)});
  }
  return end_with(
      fmt::format("{}, {}\n", presentable(dataset->name), to_string(dataset->type)) +
      table({"VERSION", "CREATED", "DESCRIPTION", "SOURCE"}, rows, screen_of(STDOUT_FILENO, wide)));
}

// --- register

// A folder, or a file of one. An empty object: what is wrong has been printed.
json part_of_path(const std::string& path) {
  std::error_code error;
  const fs::path place = fs::absolute(path, error).lexically_normal();
  const fs::file_status status = fs::status(place, error);
  if (status.type() == fs::file_type::not_found) {
    refuse(fmt::format(
               "--path '{}': there is no such file or folder; of files by a pattern give the folder, and "
               "the pattern with --glob",
               path),
           kExitInvalid);
    return json::object();
  }
  if (fs::is_directory(status)) {
    std::string text = place.string();
    while (text.size() > 1 && text.back() == '/') text.pop_back();
    return {{"source", {{"local", {{"path", text}}}}}};
  }
  return {{"source", {{"local", {{"path", place.parent_path().string()}}}}},
          {"glob", place.filename().string()}};
}

// The version that the options describe. An empty object: what is wrong has been printed.
json version_of(const GivenToDatasets& given) {
  std::vector<json> parts;
  for (const std::string& path : given.paths) {
    parts.push_back(part_of_path(path));
    if (parts.back().empty()) return json::object();
  }
  for (const std::string& claim : given.claims) parts.push_back({{"source", cluster::claim_source(claim)}});
  if (!given.source.empty()) {
    Problems problems;
    const json source = parse_value(given.source, "--source", problems);
    if (!problems.empty()) {
      print_problems(problems.list(), "");
      return json::object();
    }
    parts.push_back({{"source", source}});
  }
  for (json& part : parts) {
    for (const auto& [key, value] :
         {std::pair("glob", &given.glob), std::pair("pathPattern", &given.path_pattern),
          std::pair("format", &given.format)}) {
      if (!value->empty()) part[key] = *value;
    }
  }
  json version = parts.size() == 1 ? parts.front() : json{{"parts", parts}};
  version["version"] = given.version > 0 ? given.version : 1;
  if (!given.description.empty()) version["description"] = given.description;
  return version;
}

int told(const DatasetPlace& there, const Registration& registered, Form form) {
  const Dataset& dataset = registered.dataset;
  if (form == Form::kName) return end_with(fmt::format("{}\n", dataset.name));
  if (!for_people(form)) {
    ordered_json out;
    out["name"] = dataset.name;
    out["type"] = to_string(dataset.type);
    out["version"] = registered.version;
    out["added"] = registered.added;
    const auto [member, where] = there.as_member();
    out[member] = where;
    return end_with(document_text(out, form));
  }
  const std::string place = place_in_words(*dataset.find(registered.version));
  if (registered.added.empty()) {
    return end_with(
        fmt::format("the dataset '{}' has this data already, as version {} ({}); nothing is changed "
                    "(--new-version makes a version all the same)\n",
                    presentable(dataset.name), registered.version, presentable(place)));
  }
  const std::string where =
      there.rules() == Place::kCluster ? there.in_words() : presentable(there.as_member().second);
  std::string text;
  for (const std::int64_t version : registered.added) {
    text +=
        fmt::format("registered version {} of the dataset '{}' ({}) in {}\n", version,
                    presentable(dataset.name), presentable(place_in_words(*dataset.find(version))), where);
  }
  return end_with(text);
}

int register_file(const GivenToDatasets& given, DatasetPlace& there) {
  for (const auto& [option, wrong] :
       {std::pair("--glob", !given.glob.empty()), std::pair("--path-pattern", !given.path_pattern.empty()),
        std::pair("--data-format", !given.format.empty()),
        std::pair("--description", !given.description.empty()), std::pair("--new-version", given.new_version),
        std::pair("--version", given.version > 0), std::pair("--type", given.type != "file")}) {
    if (wrong)
      return refuse(
          fmt::format("{} describes the data of --path, --claim or --source; a file says it itself", option),
          kExitInvalid);
  }
  const auto text = read_manifest_file(given.name);
  if (!text) {
    const bool missing = text.error().code == ErrorCode::kNotFound;
    return refuse(text.error().message +
                      (missing ? "; to register a folder under a name: parallelrun datasets register NAME "
                                 "--path FOLDER"
                               : ""),
                  missing ? kExitInvalid : kExitFailed);
  }
  ParsedDataset parsed = parse_dataset(*text, there.rules());
  if (!parsed.ok()) {
    print_problems(parsed.problems, given.name);
    return kExitInvalid;
  }
  std::error_code error;
  const fs::path base = given.name == "-" ? fs::current_path(error)
                                          : fs::absolute(given.name, error).lexically_normal().parent_path();
  if (there.rules() == Place::kAnywhere) {
    for (DatasetVersion& version : parsed.dataset.versions) anchor_paths(version, base);
  }
  const auto registered = there.add(parsed.dataset);
  return registered ? told(there, *registered, given.form) : refuse_dataset(registered.error());
}

int register_data(const GivenToDatasets& given, DatasetPlace& there) {
  const json version = version_of(given);
  if (version.empty()) return kExitInvalid;
  ParsedDataset parsed =
      parse_dataset_document({{"apiVersion", kApiVersion},
                              {"kind", kDatasetKind},
                              {"metadata", {{"name", given.name}}},
                              {"spec", {{"type", given.type}, {"versions", json::array({version})}}}},
                             there.rules());
  if (!parsed.ok()) {
    // The document is ours: the option is what the user has written.
    for (SpecProblem& problem : parsed.problems) {
      constexpr std::string_view kOurs = "spec.versions[0].";
      if (problem.path.starts_with(kOurs)) problem.path = problem.path.substr(kOurs.size());
      if (problem.path.starts_with("parts[")) problem.path = problem.path.substr(problem.path.find('.') + 1);
      problem.path = problem.path == "metadata.name" ? "NAME"
                     : problem.path == "format"      ? "--data-format"
                     : problem.path == "pathPattern" ? "--path-pattern"
                                                     : "--" + problem.path;
    }
    print_problems(parsed.problems, "");
    return kExitInvalid;
  }
  std::error_code error;
  DatasetVersion& typed = parsed.dataset.versions.front();
  if (there.rules() == Place::kAnywhere) anchor_paths(typed, fs::current_path(error));
  if (given.version > 0) {
    typed.created =
        rfc3339_seconds(std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));
    auto numbered = there.add(parsed.dataset);
    if (numbered) numbered->version = given.version;
    return numbered ? told(there, *numbered, given.form) : refuse_dataset(numbered.error());
  }
  const auto registered =
      there.add(NewVersion{parsed.dataset.name, parsed.dataset.type, std::move(typed), given.new_version});
  return registered ? told(there, *registered, given.form) : refuse_dataset(registered.error());
}

int register_one(const GivenToDatasets& given) {
  if (given.in_cluster() && !given.paths.empty()) {
    return refuse(
        "--path names a folder of this machine, which a cluster does not see; give a volume claim of the "
        "namespace with --claim CLAIM/FOLDER, or another source with --source",
        kExitInvalid);
  }
  if (!given.in_cluster() && !given.claims.empty()) {
    return refuse("--claim is for datasets of a cluster (-n NAMESPACE); on this machine give --path FOLDER",
                  kExitInvalid);
  }
  const auto there = dataset_place_of(given);
  if (!there) return kExitInvalid;
  const bool of_file = given.paths.empty() && given.claims.empty() && given.source.empty();
  return of_file ? register_file(given, *there) : register_data(given, *there);
}

void add_common(CLI::App& verb, GivenToDatasets& given, bool of_people) {
  verb.add_option("--datasets", given.folder, kDatasetsOption);
  add_cluster_options(verb, given.cluster);
  std::map<std::string, Form> forms = {
      {"table", Form::kTable}, {"json", Form::kJson}, {"yaml", Form::kYaml}, {"name", Form::kName}};
  if (of_people) forms["wide"] = Form::kWide;
  add_form_option(verb, given.form, forms);
}

}  // namespace

Verb add_datasets(CLI::App& program) {
  const auto given = std::make_shared<GivenToDatasets>();
  CLI::App* verb = program.add_subcommand(
      "datasets", "the registered datasets of this machine or, with -n, of a cluster: list, show, register");
  verb->require_subcommand(1);

  CLI::App* lister = verb->add_subcommand("list", "the datasets, with their newest versions");
  add_common(*lister, *given, true);
  lister->footer("Example: parallelrun datasets list; of a cluster: parallelrun datasets list -n team");

  CLI::App* shower = verb->add_subcommand("show", "the versions of a dataset");
  shower->add_option("NAME", given->name, "the dataset")->required();
  add_common(*shower, *given, true);
  shower->footer("Example: parallelrun datasets show mnist-test -o json");

  CLI::App* registrar =
      verb->add_subcommand("register", "add a version; a version that is there never changes");
  registrar
      ->add_option(
          "NAME", given->name,
          "the dataset; or a file with a ParallelRunDataset in YAML or JSON (- for standard input), whose "
          "versions are added")
      ->required();
  registrar->add_option("--path", given->paths,
                        "FOLDER or FILE: where the data lies on this machine; may be given several times");
  registrar->add_option(
      "--claim", given->claims,
      "CLAIM[/FOLDER]: where it lies in a cluster, a PersistentVolumeClaim of the namespace; may "
      "be given several times");
  registrar->add_option(
      "--source", given->source,
      "SOURCE: where it lies elsewhere, as in a manifest: '{s3: {bucket: data, prefix: mnist}}'");
  registrar->add_option("--type", given->type, "file or tabular; default file")
      ->check(CLI::IsMember({"file", "tabular"}));
  registrar->add_option("--glob", given->glob, "PATTERN: which files, such as '**/*.png'");
  registrar->add_option("--path-pattern", given->path_pattern,
                        "PATTERN: the same with names for partition keys, such as '{user}/*.mp3'");
  registrar->add_option("--data-format", given->format, "of a tabular dataset: csv, tsv, jsonl or parquet");
  registrar->add_option("--description", given->description, "TEXT: what is in this version");
  registrar
      ->add_flag("--new-version", given->new_version,
                 "add a version even if the newest one has the same source, because what lies there has "
                 "changed")
      ->excludes(registrar
                     ->add_option("--version", given->version,
                                  "NUMBER: the version's number, as it is elsewhere; default: the next one")
                     ->check(CLI::Range(std::int64_t{1}, kHighestInt)));
  add_common(*registrar, *given, false);
  registrar->footer(
      "Example: parallelrun datasets register mnist-test --path /data/mnist --glob '**/*.png'\n"
      "In a cluster: parallelrun datasets register mnist-test -n team --claim data/mnist --glob '**/*.png'\n"
      "From a file: parallelrun datasets register mnist.yaml");
  verb->footer(
      "Example: parallelrun datasets register mnist-test --path /data/mnist --glob '**/*.png'\n"
      "In a cluster: parallelrun datasets register mnist-test -n team --claim data/mnist --glob '**/*.png'\n"
      "In a job: source: {dataset: {name: mnist-test}}");
  return {verb, [given, lister, shower] {
            if (*lister) return list(*given);
            return *shower ? show(*given) : register_one(*given);
          }};
}

}  // namespace parallelrun
