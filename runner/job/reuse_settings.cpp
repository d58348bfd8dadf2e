#include "runner/job/reuse_settings.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <system_error>

#include "common/spec/fields.h"
#include "common/spec/placeholders.h"
#include "common/spec/store_sources.h"
#include "runner/job/code_files.h"
#include "runner/job/identity.h"

namespace parallelrun {
namespace {

using nlohmann::json;

// miniBatchSize is an identifying setting anyway.
constexpr const char* kParameters[] = {"nodeCount", "processCountPerNode", "loggingLevel",
                                       "runInvocationTimeout", "runMaxTry"};

void take_place(json& source, const Source& written, const std::map<std::string, std::string>& directories,
                const std::string& name) {
  const auto directory = directories.find(name);
  if (written.store.is_object() || directory == directories.end()) return;
  source = directory->second;
}

void take_places(const ResolvedJob& job, json& settings) {
  for (std::size_t i = 0; i < job.spec.inputs.size(); ++i) {
    const Input& input = job.spec.inputs[i];
    take_place(settings["inputs"][i]["source"], input.source, job.input_directories, input.name);
  }
  for (const SideInput& input : job.spec.side_inputs)
    take_place(settings["sideInputs"][input.name], input.source, job.side_input_directories, input.name);
}

// What lies beside the code, without the output directories of jobs, which mostly lie beside the script.
CodeFiles without_outputs(const ResolvedJob& job) {
  std::map<std::string, bool> outputs;  // by folder, with a '/' at its end
  const auto is_output = [&](const std::string& folder) {
    const auto [known, fresh] = outputs.emplace(folder, false);
    std::error_code ignored;
    if (fresh)
      known->second =
          std::filesystem::exists(job.source_directory + "/" + folder + ".parallelrun/job.json", ignored);
    return known->second;
  };
  CodeFiles left;
  for (const auto& [name, digest] : job.other_files) {
    bool inside = false;
    for (std::size_t at = name.find('/'); at != std::string::npos && !inside; at = name.find('/', at + 1))
      inside = is_output(name.substr(0, at + 1));
    if (!inside) left.emplace(name, digest);
  }
  return left;
}

bool names_output(const ResolvedJob& job) {
  const auto placeholder = [](const std::string& argument) {
    const auto parts = split_argument(argument);
    return parts && std::any_of(parts->begin(), parts->end(), [](const ArgumentPart& part) {
             return part.kind == ArgumentPart::Kind::kOutput;
           });
  };
  const auto path = [&job](const std::string& argument) {
    const std::string& output = job.output_directory;
    for (std::size_t at = argument.find(output); at != std::string::npos;
         at = argument.find(output, at + 1)) {
      const std::size_t end = at + output.size();
      if (end == argument.size() || argument[end] == '/') return true;
    }
    return false;
  };
  return std::any_of(job.spec.arguments.begin(), job.spec.arguments.end(), placeholder) ||
         std::any_of(job.arguments.begin(), job.arguments.end(), path);
}

// What is written down of all files of the source directory.
std::optional<CodeFiles> files_of(const json& settings) {
  if (!settings.is_object() || !settings.contains("code")) return std::nullopt;
  const auto recorded = recorded_code_from_json(settings["code"]);
  if (!recorded || !recorded->rest.empty() || !recorded->others_rest.empty()) return std::nullopt;
  CodeFiles files = recorded->files;
  files.insert(recorded->others.begin(), recorded->others.end());
  return files;
}

}  // namespace

json reuse_settings(const ResolvedJob& job, const std::string& version, PlacesCount places) {
  json settings = identifying_settings(job);
  if (!job.code_files.empty())
    settings["code"] = to_json(recorded_code(job.code_files, without_outputs(job)));
  if (places == PlacesCount::kByVolume) {
    settings["sideInputPlaces"] = job.side_input_directories;
  } else {
    take_places(job, settings);
  }
  const json all = identifying_fields(job.spec, Identity::kNone);
  for (const char* name : kParameters) settings[name] = all.value(name, json());
  settings["version"] = version;
  return settings;
}

std::string never_reused(const ResolvedJob& job) {
  if (job.spec.output_action != OutputAction::kAppendRow)
    return "with outputAction: summary_only the script writes its results itself, and nobody knows which "
           "files they are";
  if (names_output(job))
    return "an argument names the output directory, so the script may write results of its own there";
  for (const Input& input : job.spec.inputs) {
    if (is_database(input.source.store))
      return "input '" + input.name + "' is a query of a database, whose answer may change";
  }
  return {};
}

std::vector<std::string> differing_reuse_settings(const json& before, const json& now) {
  json shown_before = before;
  json shown_now = now;
  std::optional<std::string> code;
  const auto files_before = files_of(before);
  const auto files_now = files_of(now);
  if (files_before && files_now) {
    code = code_difference(*files_before, *files_now);
    shown_before.erase("code");
    shown_now.erase("code");
  }
  std::vector<std::string> differences = differing_values(shown_before, shown_now);
  if (code) differences.push_back("code: " + *code);
  return differences;
}

}  // namespace parallelrun
