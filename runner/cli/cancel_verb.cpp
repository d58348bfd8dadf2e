// Cancelling deletes the resource. What is committed, the logs and the state stay on the output volume, so
// that the same job, submitted again, goes on there (docs/decisions/0022-cluster-verbs.md).
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
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

struct GivenToCancel {
  std::string job;
  cluster::ClusterChoice cluster;
  bool yes = false;
};

// Asked only where a person can answer: a script means what it says.
bool confirmed(const cluster::JobView& job) {
  if (isatty(STDIN_FILENO) != 1 || isatty(STDERR_FILENO) != 1) return true;
  std::fprintf(stderr, "%s\nCancel it? Its pods and the job are deleted; its output stays. [y/N] ",
               presentable(in_words(job)).c_str());
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

int cancel(const GivenToCancel& given, cluster::Jobs& jobs, const cluster::JobView& job) {
  if (!given.yes && !confirmed(job)) {
    std::fprintf(stderr, "nothing was done\n");
    return kExitFailed;
  }
  // The one that was shown, not another one that got its name meanwhile.
  if (const Status removed = jobs.remove(given.job, job.uid); !removed) return print_error(removed.error());
  return print(presentable(fmt::format(
                   "{} is cancelled and deleted.{} The same job, submitted again, goes on from what was "
                   "committed",
                   job.name, job.output.empty() ? "" : " Its output and logs stay: " + job.output + ".")) +
               "\n")
             ? kExitComplete
             : kExitFailed;
}

int run(const GivenToCancel& given) {
  return with_job(given.cluster, given.job, [&given](cluster::Jobs& jobs, const cluster::JobView& job) {
    return cancel(given, jobs, job);
  });
}

}  // namespace

Verb add_cancel(CLI::App& program) {
  const auto given = std::make_shared<GivenToCancel>();
  CLI::App* verb =
      program.add_subcommand("cancel", "end a job of a cluster and delete it; its output and logs stay");
  verb->add_option("NAME", given->job, "of a job in the cluster")->required();
  verb->add_flag("-y,--yes", given->yes, "do not ask; without a terminal it never asks");
  add_cluster_options(*verb, given->cluster);
  verb->footer("Example: parallelrun cancel digits -n team --yes");
  return {verb, [given] { return run(*given); }};
}

}  // namespace parallelrun
