#include "runner/cli/submitted_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "common/json/members.h"
#include "common/spec/document.h"
#include "common/spec/manifest.h"
#include "common/spec/overrides.h"
#include "common/spec/problems.h"
#include "runner/job/submission.h"

namespace parallelrun {
namespace {

using nlohmann::json;

// Directories by the places that they had, wherever the manifest was.
void put_place(json& holder, const char* member, const std::string& directory) {
  const auto source = holder.find(member);
  if (directory.empty() || source == holder.end() || !source->is_object() || !source->contains("local"))
    return;
  (*source)["local"]["path"] = directory;
  source->erase("subPath");
}

void put_places(json& spec, const json& submission) {
  for (const auto& [list, member] : {std::pair{"inputs", "inputs"}, {"sideInputs", "sideInputs"}}) {
    const auto found = spec.find(list);
    if (found == spec.end() || !found->is_array()) continue;
    for (json& one : *found) {
      if (one.is_object())
        put_place(one, "source", text_at(object_at(submission, member), text_at(one, "name").c_str()));
    }
  }
  put_place(spec, "sourceDirectory", text_at(submission, "sourceDirectory"));
}

json manifest_of(const json& submission) {
  const std::string path = text_at(submission, "manifest");
  if (path.empty()) return {};
  const auto text = read_manifest_file(path);
  Problems none;
  return text ? parse_document(*text, ManifestFormat::kAuto, none).root : json();
}

}  // namespace

json read_state_json(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return json::parse(std::string(std::istreambuf_iterator<char>(file), {}), nullptr, false);
}

std::string normal_folder(const std::string& path) {
  std::error_code error;
  std::string folder = std::filesystem::absolute(path, error).lexically_normal().string();
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  return folder;
}

Result<SubmittedJob> submitted_job(const std::string& directory, const std::string& shown) {
  SubmittedJob job;
  job.record = read_state_json(directory + "/" + kSubmissionPath);
  if (!job.record.is_object() || !object_at(object_at(job.record, "spec"), "spec").is_object() ||
      object_at(object_at(job.record, "spec"), "spec").empty()) {
    return Error{ErrorCode::kNotFound,
                 fmt::format("'{}' does not say with what its job was started ({} is missing or damaged: an "
                             "earlier version ran it, or a cluster did)",
                             shown, kSubmissionPath)};
  }
  job.document = job.record["spec"];
  put_places(job.document["spec"], job.record);
  put_back_withheld(job.document, object_at(job.record, "withheld"), manifest_of(job.record));
  job.manifest = text_at(job.record, "manifest").empty() ? "-" : text_at(job.record, "manifest");
  return job;
}

void add_credentials_of(const SubmittedJob& job, std::vector<std::string>& credentials) {
  for (const auto& [name, file] : object_at(job.record, "credentials").items()) {
    const bool again =
        std::any_of(credentials.begin(), credentials.end(),
                    [&name = name](const std::string& one) { return one.starts_with(name + "="); });
    if (!again && file.is_string()) credentials.push_back(name + "=" + file.get<std::string>());
  }
}

std::optional<std::string> withheld_in(const SubmittedJob& job, const std::vector<std::string>& overrides) {
  json changed = job.document;
  Problems none;
  apply_overrides(changed, overrides, none);
  const auto missing = still_withheld(changed, object_at(job.record, "withheld"));
  if (missing.empty()) return std::nullopt;
  return fmt::format(
      "the value of {} is not kept in the output directory, since it may be a secret{}; give it with --set "
      "'{}=VALUE'",
      fmt::join(missing, ", "),
      job.manifest == "-" ? "" : fmt::format(", and '{}' does not have it any more", job.manifest),
      missing.front());
}

}  // namespace parallelrun
