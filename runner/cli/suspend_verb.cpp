// `suspend` and `resume`: one field of the job's spec.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "common/text/presentable.h"
#include "runner/cli/cluster_argument.h"
#include "runner/cli/launcher.h"
#include "runner/cli/shown.h"
#include "runner/cli/verbs.h"
#include "runner/cluster/jobs.h"

namespace parallelrun {
namespace {

struct Given {
  std::string job;
  cluster::ClusterChoice cluster;
};

int set_suspend(const Given& given, bool suspend) {
  const auto connection = connect(given.cluster);
  if (!connection) return kExitInvalid;
  cluster::Jobs jobs(*connection, {});
  const auto found = jobs.get(given.job);
  if (!found) return print_error(found.error());
  const cluster::JobView job = cluster::job_view(*found);
  const std::string name = presentable(job.name);
  if (job.ended()) {
    std::fprintf(stderr, "parallelrun: the job '%s' has ended (%s), so there is nothing to %s\n",
                 name.c_str(), presentable(job.state).c_str(), suspend ? "suspend" : "resume");
    return kExitFailed;
  }
  if (job.suspend == suspend)
    return print(name + (suspend ? " is suspended already\n" : " is not suspended\n")) ? kExitComplete
                                                                                       : kExitFailed;
  const auto patched = jobs.patch(given.job, {{"spec", {{"suspend", suspend}}}});
  if (!patched) return print_error(patched.error());
  const std::string next = command_words(suspend ? "resume" : "status -w", given.job, jobs.name_space());
  const std::string words = suspend ? " will be suspended: its pods end, what is committed stays; it goes on "
                                      "with: "
                                    : " goes on where it stopped; see: ";
  return print(name + words + next + "\n") ? kExitComplete : kExitFailed;
}

Verb add(CLI::App& program, const char* name, const char* about, bool suspend) {
  const auto given = std::make_shared<Given>();
  CLI::App* verb = program.add_subcommand(name, about);
  verb->add_option("NAME", given->job, "of a job in the cluster")->required();
  add_cluster_options(*verb, given->cluster);
  verb->footer(std::string("Example: parallelrun ") + name + " digits -n team");
  return {verb, [given, suspend] { return set_suspend(*given, suspend); }};
}

}  // namespace

Verb add_suspend(CLI::App& program) {
  return add(program, "suspend", "end the pods of a job in a cluster for now; its results stay", true);
}

Verb add_resume(CLI::App& program) {
  return add(program, "resume", "let a suspended job of a cluster go on where it stopped", false);
}

}  // namespace parallelrun
