#include "runner/cli/cluster_submit.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "common/json/compact_text.h"
#include "common/json/members.h"
#include "common/result/try.h"
#include "common/spec/manifest.h"
#include "common/text/counted.h"
#include "common/text/presentable.h"
#include "runner/cli/cluster_argument.h"
#include "runner/cli/cluster_status.h"
#include "runner/cli/launcher.h"
#include "runner/cli/shown.h"

namespace parallelrun {
namespace {

using nlohmann::json;

std::string name_of(const json& object) { return text_at(object_at(object, "metadata"), "name"); }

// In place of one of a job that is gone, of the same name. Nobody else's is touched.
Status create_map(cluster::Jobs& jobs, const json& map, const std::string& job) {
  const auto made = jobs.create_object(map);
  if (made) return {};
  if (made.error().code != ErrorCode::kConflict) return made.error();
  const std::string name = name_of(map);
  ASSIGN_OR_RETURN(const json old, jobs.get_object("ConfigMap", name));
  if (text_at(object_at(object_at(old, "metadata"), "labels"), cluster::kCodeOfLabel) != job)
    return Error{
        ErrorCode::kInvalidArgument,
        fmt::format("the code of the job would be the ConfigMap '{}', and there is one of that name which "
                    "`submit` has not made; give the job another name (--set metadata.name=...)",
                    name),
        false};
  RETURN_IF_ERROR(jobs.remove_object("ConfigMap", name));
  const auto again = jobs.create_object(map);
  return again ? Status() : again.error();
}

// As many as there are; what cannot be removed stays, and the next job of the name takes its place.
void remove_maps(cluster::Jobs& jobs, const std::vector<json>& maps, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    static_cast<void>(jobs.remove_object("ConfigMap", name_of(maps[i])));
}

Status create_maps(cluster::Jobs& jobs, const std::vector<json>& maps, const std::string& job) {
  for (std::size_t made = 0; made < maps.size(); ++made) {
    Status status = create_map(jobs, maps[made], job);
    if (status) continue;
    remove_maps(jobs, maps, made);
    return status;
  }
  return {};
}

// So that they go with the job.
void give_to(cluster::Jobs& jobs, const json& job, const std::vector<json>& maps) {
  const json owner = {{"apiVersion", kApiVersion},
                      {"kind", kKind},
                      {"name", name_of(job)},
                      {"uid", text_at(object_at(job, "metadata"), "uid")}};
  for (const json& map : maps) {
    const auto owned = jobs.patch_object("ConfigMap", name_of(map),
                                         {{"metadata", {{"ownerReferences", json::array({owner})}}}});
    if (!owned)
      warn(fmt::format("the ConfigMap '{}' will not be deleted with the job: {}", name_of(map),
                       owned.error().message));
  }
}

// The code first, since a pod waits for it; it is nobody's until the job is there.
Result<json> create(cluster::Jobs& jobs, const cluster::Submission& submission) {
  const std::string name = name_of(submission.job);
  const auto there = jobs.find(name);
  if (!there) return there.error();
  if (*there)
    return Error{
        ErrorCode::kInvalidArgument,
        fmt::format("there is a job '{}' already ({}) in the namespace '{}'; give this one another name "
                    "(--set metadata.name=...), or remove that one: {}",
                    name, cluster::job_view(**there).state, jobs.name_space(),
                    command_words("cancel", name, jobs.name_space())),
        false};
  const std::vector<json> maps = submission.code ? submission.code->config_maps : std::vector<json>{};
  RETURN_IF_ERROR(create_maps(jobs, maps, name));
  auto job = jobs.create(submission.job);
  if (!job) {
    // Where the answer was lost, or another one submitted it, the job is there and needs its code.
    if (maps.empty()) return job.error();
    const auto made = jobs.find(name);
    if (made && !*made) remove_maps(jobs, maps, maps.size());
    return job.error();
  }
  give_to(jobs, *job, maps);
  return job;
}

// "as the ConfigMap 'first-code', which goes with the job"
std::string maps_in_words(const cluster::CodeMap& code) {
  const std::string first = name_of(code.config_maps.front());
  if (code.config_maps.size() == 1) return fmt::format("the ConfigMap '{}', which goes with the job", first);
  return fmt::format("{} ConfigMaps, '{}' to '{}', which go with the job", code.config_maps.size(), first,
                     name_of(code.config_maps.back()));
}

void tell_detached(const cluster::JobView& job) {
  std::fprintf(stderr, "the job '%s' goes on in the cluster. Its progress: %s; its end: %s\n",
               presentable(job.name).c_str(), command_words("status -w", job.name, job.name_space).c_str(),
               command_words("cancel", job.name, job.name_space).c_str());
}

bool refuse_mount(const std::string& message) {
  complain(message);
  return false;
}

}  // namespace

bool read_claims(const char* option, const std::vector<std::string>& values,
                 std::map<std::string, std::string>& into) {
  for (const std::string& value : values) {
    const std::size_t sign = value.find('=');
    if (sign == 0 || sign == std::string::npos || sign + 1 == value.size() || value[sign + 1] == '/') {
      return refuse_mount(fmt::format("{} '{}': expected NAME=CLAIM or NAME=CLAIM/FOLDER", option, value));
    }
    if (!into.emplace(value.substr(0, sign), value.substr(sign + 1)).second) {
      return refuse_mount(fmt::format("{} '{}': the option is given twice; give it only once", option,
                                      value.substr(0, sign)));
    }
  }
  return true;
}

int submit_job(cluster::Jobs& jobs, cluster::Interrupt& interrupt, const cluster::Submission& submission,
               const SubmitOptions& options) {
  const auto created = create(jobs, submission);
  if (!created) return print_error(created.error());
  const cluster::JobView job = cluster::job_view(*created);
  if (submission.code)
    std::fprintf(stderr, "code: %s, %s, as %s\n", counted(submission.code->files, "file").c_str(),
                 short_size(submission.code->bytes).c_str(), maps_in_words(*submission.code).c_str());
  std::fprintf(stderr, "submitted the job '%s' in the namespace '%s'\n", presentable(job.name).c_str(),
               presentable(jobs.name_space()).c_str());
  if (options.no_wait) {
    if (!options.json) tell_detached(job);
    const bool told = options.json ? print(compact_text(event_of(job)) + "\n")
                                   : print_job(job.name, to_json(job), options.form, "");
    return told ? kExitComplete : kExitFailed;
  }
  const DisplayMode mode = options.json ? DisplayMode::kJson : display_mode_for(STDERR_FILENO);
  auto end = follow(jobs, interrupt, job, mode, options.json ? STDOUT_FILENO : STDERR_FILENO);
  if (!end) {
    if (end.error().code == ErrorCode::kAborted) tell_detached(job);
    return print_error(end.error());
  }
  if (!options.json) {
    const std::string words = presentable(in_words(*end)) + "\n" +
                              presentable_lines(closing_words(*end, std::chrono::system_clock::now()));
    if (!print_job(end->name, to_json(*end), options.form, marked(words, screen_of(STDOUT_FILENO).colours)))
      return kExitFailed;
  }
  return end->state == "Complete" ? kExitComplete : kExitFailed;
}

}  // namespace parallelrun
