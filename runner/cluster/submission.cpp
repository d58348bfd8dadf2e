#include "runner/cluster/submission.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <utility>

#include "common/json/members.h"
#include "common/result/try.h"
#include "common/spec/manifest.h"
#include "common/spec/nearest_name.h"

namespace parallelrun::cluster {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Puts claims in place of the sources of a list of inputs.
void put_claims(const char* option, const std::map<std::string, std::string>& claims, json& list,
                std::vector<SpecProblem>& problems) {
  std::vector<std::string> known;
  if (list.is_array()) {
    for (const json& one : list) known.push_back(text_at(one, "name"));
  }
  for (const auto& [name, claim] : claims) {
    const auto found = std::find(known.begin(), known.end(), name);
    if (found == known.end()) {
      problems.push_back({fmt::format("{} {}", option, in_quotes(name + "=" + claim)),
                          "the manifest has no input of this name" + did_you_mean(name, known), 0});
      continue;
    }
    list[static_cast<std::size_t>(found - known.begin())]["source"] = claim_source(claim);
  }
}

std::string local_path(const json& source) { return text_at(object_at(source, "local"), "path"); }

// What lies below the folder of code, but is data of the job.
std::vector<std::string> data_below(const json& spec, const fs::path& folder, const fs::path& code) {
  std::vector<std::string> below;
  const auto add = [&](const json& source) {
    const std::string path = local_path(source);
    if (path.empty()) return;
    const fs::path relative = fs::absolute(folder / path).lexically_normal().lexically_relative(code);
    const std::string name = relative.string();
    if (!name.empty() && name != "." && !name.starts_with("..")) {
      below.push_back(name.ends_with('/') ? name.substr(0, name.size() - 1) : name);
    }
  };
  for (const char* kind : {"inputs", "sideInputs"}) {
    const auto list = spec.find(kind);
    if (list == spec.end() || !list->is_array()) continue;
    for (const json& one : *list) add(object_at(one, "source"));
  }
  add(object_at(object_at(spec, "output"), "source"));
  return below;
}

// "spec.inputs[0].source: ..." in words of this verb: which option stands in for the local folder.
void name_options(std::vector<SpecProblem>& problems) {
  for (SpecProblem& problem : problems) {
    if (!problem.path.ends_with(".local")) continue;
    const std::string option = problem.path.find("spec.inputs") == 0 ? "--input NAME=CLAIM[/FOLDER]"
                               : problem.path.find("spec.sideInputs") == 0
                                   ? "--side-input NAME=CLAIM[/FOLDER]"
                                   : "--output CLAIM[/FOLDER]";
    problem.message += fmt::format("; {} gives a PersistentVolumeClaim in its place", option);
  }
}

// 10.0 is a whole number for us, as for kubectl, but not for the API server.
void write_whole_numbers(json& value) {
  constexpr double kExact = 9007199254740992.0;
  if (value.is_structured()) {
    for (json& part : value) write_whole_numbers(part);
  } else if (value.is_number_float()) {
    const auto number = value.get<double>();
    if (std::abs(number) <= kExact && std::trunc(number) == number) value = static_cast<std::int64_t>(number);
  }
}

}  // namespace

json claim_source(const std::string& text) {
  const std::size_t slash = std::min(text.find('/'), text.size());
  json source = {{"persistentVolumeClaim", {{"claimName", text.substr(0, slash)}}}};
  std::string folder = slash < text.size() ? text.substr(slash + 1) : "";
  while (folder.ends_with('/')) folder.pop_back();
  if (!folder.empty()) source["subPath"] = folder;
  return source;
}

Result<Submission> submission(json document, const Claims& claims, const std::string& folder,
                              const std::string& code, const std::string& name_space) {
  Submission out;
  json& spec = document["spec"];
  const std::string given = text_at(object_at(document, "metadata"), "namespace");
  if (!given.empty() && given != name_space)
    out.problems.push_back({"metadata.namespace",
                            fmt::format("is {}, but the job goes to {}; name it with -n {}, or take it out",
                                        in_quotes(given), in_quotes(name_space), given),
                            0});
  // Before the claims take the place of the local folders.
  const fs::path base = fs::absolute(folder.empty() ? "." : folder).lexically_normal();
  std::string source = code;
  if (source.empty() && !local_path(object_at(spec, "sourceDirectory")).empty())
    source = (base / local_path(object_at(spec, "sourceDirectory"))).string();
  fs::path code_folder;
  std::vector<std::string> not_code;
  if (!source.empty()) {
    code_folder = fs::absolute(source).lexically_normal();
    if (code_folder.filename().empty()) code_folder = code_folder.parent_path();
    not_code = data_below(spec, base, code_folder);
  }
  if (spec.contains("inputs")) put_claims("--input", claims.inputs, spec["inputs"], out.problems);
  json none = json::array();
  put_claims("--side-input", claims.side_inputs, spec.contains("sideInputs") ? spec["sideInputs"] : none,
             out.problems);
  if (!claims.output.empty()) spec["output"]["source"] = claim_source(claims.output);

  const std::string name = text_at(object_at(document, "metadata"), "name");
  // Where it will lie, so that the rules of a cluster are asked of the whole.
  if (!source.empty()) spec["sourceDirectory"] = {{"configMap", {{"name", code_map_name(name)}}}};
  ParsedSpec parsed = parse_manifest_document(document, Place::kCluster);
  name_options(parsed.problems);
  out.problems.insert(out.problems.end(), parsed.problems.begin(), parsed.problems.end());
  if (!out.problems.empty()) return out;
  if (!source.empty()) {
    ASSIGN_OR_RETURN(CodeMap map, code_map(name, code_folder.string(), not_code));
    spec["sourceDirectory"] = map.source_directory;
    out.code = std::move(map);
  }
  document["metadata"]["namespace"] = name_space;
  write_whole_numbers(document);
  out.job = std::move(document);
  return out;
}

}  // namespace parallelrun::cluster
