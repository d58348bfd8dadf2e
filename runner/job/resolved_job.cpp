#include "runner/job/resolved_job.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "common/spec/manifest.h"
#include "common/spec/object_reader.h"
#include "common/spec/store_sources.h"

namespace parallelrun {
namespace {

using nlohmann::json;

Error first_of(const std::vector<SpecProblem>& problems) {
  return Error{ErrorCode::kInvalidArgument, "resolved job: " + to_string(problems.front())};
}

void require_absolute(ObjectReader& reader, std::string_view key, const std::string& path) {
  if (!path.starts_with('/')) reader.problem(key, in_quotes(path) + " is not an absolute path");
}

std::string absolute_path(ObjectReader& reader, std::string_view key) {
  reader.required(key, "an absolute path");
  const std::string path = reader.text(key).value_or("");
  if (reader.problems().empty()) require_absolute(reader, key, path);
  return path;
}

// The directories of a list of named data, each of them and no other.
template <typename Named>
std::map<std::string, std::string> directories_of(ObjectReader& top, std::string_view key,
                                                  const std::vector<Named>& named) {
  std::map<std::string, std::string> directories;
  ObjectReader reader(top.object(key), top.path(key), top.problems());
  for (const Named& item : named) directories[item.name] = absolute_path(reader, item.name);
  reader.refuse_unknown();
  return directories;
}

// The digests of files.
CodeFiles files_of(ObjectReader& reader, std::string_view key) {
  CodeFiles files;
  const json* object = reader.object(key);
  if (object == nullptr) return files;
  for (const auto& [name, digest] : object->items()) {
    const std::optional<std::string> text =
        as_text(digest, child_path(reader.path(key), name), reader.problems());
    if (text) files[name] = *text;
  }
  return files;
}

}  // namespace

std::string shown_output(const ResolvedJob& job) {
  const nlohmann::json& store = job.spec.output.source.store;
  return store.is_object() ? store_address(store) : job.output_directory;
}

json to_json(const ResolvedJob& job) {
  return {{"manifest", to_json(job.spec)},
          {"inputDirectories", job.input_directories},
          {"sideInputDirectories", job.side_input_directories},
          {"sourceDirectory", job.source_directory},
          {"script", job.script},
          {"outputDirectory", job.output_directory},
          {"arguments", job.arguments},
          {"codeFiles", job.code_files},
          {"otherFiles", job.other_files},
          {"codeHash", job.code_hash},
          {"notCode", job.not_code}};
}

Result<ResolvedJob> resolved_job_from_json(const json& document) {
  Problems problems;
  ObjectReader reader(&document, "", problems);
  ResolvedJob job;
  if (const json* manifest = reader.required("manifest", "the job's manifest")) {
    ParsedSpec parsed = parse_manifest_document(*manifest);
    if (!parsed.ok()) return first_of(parsed.problems);
    job.spec = std::move(parsed.spec);
  }
  if (!problems.empty()) return first_of(problems.list());
  job.input_directories = directories_of(reader, "inputDirectories", job.spec.inputs);
  job.side_input_directories = directories_of(reader, "sideInputDirectories", job.spec.side_inputs);
  job.source_directory = reader.text("sourceDirectory").value_or("");
  if (!job.source_directory.empty()) require_absolute(reader, "sourceDirectory", job.source_directory);
  job.script = absolute_path(reader, "script");
  job.output_directory = absolute_path(reader, "outputDirectory");
  job.arguments = reader.texts("arguments");
  job.code_files = files_of(reader, "codeFiles");
  job.other_files = files_of(reader, "otherFiles");
  job.code_hash = reader.text("codeHash").value_or("");
  job.not_code = reader.texts("notCode");
  reader.refuse_unknown();
  if (!problems.empty()) return first_of(problems.list());
  return job;
}

}  // namespace parallelrun
