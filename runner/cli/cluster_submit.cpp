#include "runner/cli/cluster_submit.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <optional>
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
#include "runner/cluster/submitted_code.h"

namespace parallelrun {
namespace {

using nlohmann::json;

std::string name_of(const json& object) { return text_at(object_at(object, "metadata"), "name"); }

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
  cluster::SubmittedCode code(jobs, name,
                              submission.code ? submission.code->config_maps : std::vector<json>{});
  RETURN_IF_ERROR(code.put());
  auto job = jobs.create(submission.job);
  if (!job) {
    // Where the answer was lost, or a request was sent twice, the job is there and needs its code. What is
    // left beside a job of that name that another one has submitted is nobody's, and makes way for the next.
    const auto there_now = jobs.find(name);
    if (there_now && !*there_now) code.withdraw();
    return job.error();
  }
  if (const Status given = code.give_to(*job); !given)
    warn(fmt::format("the ConfigMaps may not have the job's code, or not be deleted with it: {}",
                     given.error().message));
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
