// `suspend` and `resume`: one field of the job's spec.
#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "common/text/presentable.h"
#include "runner/cli/cluster_argument.h"
#include "runner/cli/cluster_status.h"
#include "runner/cli/job_argument.h"
#include "runner/cli/launcher.h"
#include "runner/cli/shown.h"
#include "runner/cli/verbs.h"
#include "runner/cluster/jobs.h"

namespace parallelrun {
namespace {

struct GivenToSuspend {
  std::string job;
  cluster::ClusterChoice cluster;
  Form form = Form::kTable;
};

int set_suspend(bool suspend, Form form, cluster::Jobs& jobs, const cluster::JobView& job) {
  if (is_too_late(job, std::string("there is nothing to ") + (suspend ? "suspend" : "resume")))
    return kExitFailed;
  const std::string name = presentable(job.name);
  if (job.suspend == suspend) {
    const std::string already = name + (suspend ? " is suspended already\n" : " is not suspended\n");
    return print_job(job.name, to_json(job), form, already) ? kExitComplete : kExitFailed;
  }
  const auto patched = jobs.patch(job.name, {{"spec", {{"suspend", suspend}}}});
  if (!patched) return print_error(patched.error());
  const std::string next = command_words(suspend ? "resume" : "status -w", job.name, jobs.name_space());
  const std::string words = suspend ? " will be suspended: its pods end, what is committed stays; it goes on "
                                      "with: "
                                    : " goes on where it stopped; see: ";
  const cluster::JobView now = cluster::job_view(*patched);
  return print_job(job.name, to_json(now), form, name + words + next + "\n") ? kExitComplete : kExitFailed;
}

constexpr const char* kGoesOn =
    "start the same command again (parallelrun run MANIFEST), and the job goes on where it stopped";

std::string end_of_run(const std::string& directory) {
  return "parallelrun cancel " + directory + " ends the run, and the same command goes on where it stopped";
}

Verb add(CLI::App& program, const char* name, const char* about, bool suspend) {
  const auto given = std::make_shared<GivenToSuspend>();
  CLI::App* verb = program.add_subcommand(name, about);
  verb->add_option("NAME", given->job, "of a job in the cluster")->required();
  add_cluster_options(*verb, given->cluster);
  add_form_option_of_job(*verb, given->form);
  verb->footer(std::string("Example: parallelrun ") + name + " digits -n team");
  return {verb, [given, suspend, name] {
            if (!is_in_cluster(given->job, given->cluster))
              return refuse_here(name, given->job, suspend ? end_of_run(given->job) : std::string(kGoesOn));
            return with_job(given->cluster, given->job,
                            [suspend, given](cluster::Jobs& jobs, const cluster::JobView& job) {
                              return set_suspend(suspend, given->form, jobs, job);
                            });
          }};
}

}  // namespace

Verb add_suspend(CLI::App& program) {
  return add(program, "suspend", "end the pods of a job in a cluster for now; its results stay", true);
}

Verb add_resume(CLI::App& program) {
  return add(program, "resume", "let a suspended job of a cluster go on where it stopped", false);
}

}  // namespace parallelrun
