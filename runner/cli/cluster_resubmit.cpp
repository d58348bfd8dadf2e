#include "runner/cli/cluster_resubmit.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "common/json/json.h"
#include "common/json/members.h"
#include "common/result/try.h"
#include "runner/cli/cluster_argument.h"
#include "runner/cli/launcher.h"
#include "runner/cli/manifest_argument.h"
#include "runner/cluster/code_map.h"
#include "runner/cluster/interrupt.h"
#include "runner/cluster/job_view.h"
#include "runner/cluster/jobs.h"
#include "runner/cluster/resubmission.h"
#include "runner/cluster/submission.h"

namespace parallelrun {
namespace {

using nlohmann::json;

constexpr int kMostNames = 10'000;

Error wrong(std::string message) { return Error{ErrorCode::kInvalidArgument, std::move(message), false}; }

// The first number whose name no job of the namespace has.
Result<int> free_number(cluster::Jobs& jobs, const json& job) {
  for (int number = 2; number < kMostNames; ++number) {
    ASSIGN_OR_RETURN(const auto there, jobs.find(cluster::resubmission_name(job, number)));
    if (!there) return number;
  }
  return wrong("no name is free for the new job; give it one with --name");
}

Result<json> document_of(cluster::Jobs& jobs, const json& job, const std::string& name) {
  if (!name.empty()) return cluster::resubmission_of(job, name, std::nullopt);
  ASSIGN_OR_RETURN(const int number, free_number(jobs, job));
  return cluster::resubmission_of(job, cluster::resubmission_name(job, number), number);
}

// The ConfigMaps that `submit` has made of the earlier job's code go with that job: the new one gets its
// own. Nothing: the code lies elsewhere.
Result<std::optional<cluster::CodeMap>> copied_code(cluster::Jobs& jobs, const std::string& earlier,
                                                    const json& spec, const std::string& name) {
  const json& source = object_at(spec, "sourceDirectory");
  const std::vector<std::string> names = cluster::code_map_names(source, earlier);
  if (names.empty()) return std::optional<cluster::CodeMap>();
  std::vector<json> maps;
  for (const std::string& map : names) {
    auto found = jobs.get_object("ConfigMap", map);
    if (!found && found.error().code == ErrorCode::kNotFound) {
      return wrong(
          fmt::format("the code of the job '{}' was the ConfigMap '{}', which is not there any more; "
                      "give the folder of the code with --source-directory",
                      earlier, map));
    }
    if (!found) return found.error();
    if (text_at(object_at(object_at(*found, "metadata"), "labels"), cluster::kCodeOfLabel) != earlier)
      return std::optional<cluster::CodeMap>();
    maps.push_back(std::move(*found));
  }
  return std::optional(cluster::copy_of_code_map(maps, source, name));
}

Result<cluster::Submission> made_of(cluster::Jobs& jobs, const ClusterResubmitOptions& options,
                                    const cluster::Claims& claims, const json& earlier, json document) {
  ASSIGN_OR_RETURN(auto made, cluster::submission(std::move(document), claims, ".", options.source_directory,
                                                  jobs.name_space()));
  if (!made.problems.empty()) return made;
  if (!cluster::same_output_volume(made.job, earlier)) {
    return wrong(
        fmt::format("the output of '{}' is in another volume; results are taken over within one volume, so "
                    "name another folder of that one, or submit the job as a new one",
                    options.job));
  }
  if (!made.code) {
    json& spec = made.job["spec"];
    const std::string name = text_at(object_at(made.job, "metadata"), "name");
    ASSIGN_OR_RETURN(made.code, copied_code(jobs, options.job, spec, name));
    if (made.code) spec["sourceDirectory"] = made.code->source_directory;
  }
  return made;
}

}  // namespace

int cluster_resubmit(const ClusterResubmitOptions& options) {
  cluster::Claims claims;
  if (!read_claims("--input", options.inputs, claims.inputs) ||
      !read_claims("--side-input", options.side_inputs, claims.side_inputs))
    return kExitInvalid;
  claims.output = options.output;
  cluster::Interrupt interrupt;
  const auto connection = connect(options.cluster);
  if (!connection) return kExitInvalid;
  cluster::Jobs jobs(*connection, interrupt.token());
  const auto earlier = jobs.get(options.job);
  if (!earlier) return print_error(earlier.error());
  const cluster::JobView view = cluster::job_view(*earlier);
  if (!view.ended()) {
    return print_error(
        wrong(fmt::format("the job '{}' has not ended ({}); wait for its end ({}), or end it: set its "
                          "activeDeadlineSeconds, and it "
                          "fails with what it has committed",
                          view.name, view.state, command_words("status -w", view.name, jobs.name_space()))));
  }
  if (view.output_in_store) {
    return print_error(wrong(
        fmt::format("the output of the job '{}' lies in a store ({}), and results are taken over from one "
                    "folder of a volume to another; submit the job as a new one, with an output of its own",
                    view.name, view.output)));
  }
  const auto document = document_of(jobs, *earlier, options.name);
  if (!document) return print_error(document.error());
  const std::string shown = "the job '" + options.job + "'";
  auto changed = read_spec(document->dump(), shown, options.overrides);
  if (!changed) return kExitInvalid;
  const auto made = made_of(jobs, options, claims, *earlier, std::move(changed->document));
  if (!made) return print_error(made.error());
  if (!made->problems.empty()) {
    print_problems(made->problems, shown);
    return kExitInvalid;
  }
  return submit_job(jobs, interrupt, *made, options.submit);
}

}  // namespace parallelrun
