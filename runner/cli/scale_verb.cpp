#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <string>

#include "common/text/counted.h"
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

constexpr int kMostNodes = 10'000;

struct GivenToScale {
  std::string job;
  cluster::ClusterChoice cluster;
  int nodes = 0;
  Form form = Form::kTable;
};

int scale(const GivenToScale& given, cluster::Jobs& jobs, const cluster::JobView& job) {
  if (is_too_late(job, "it has no nodes to scale")) return kExitFailed;
  const auto patched = jobs.patch(given.job, {{"spec", {{"nodeCount", given.nodes}}}});
  if (!patched) return print_error(patched.error());
  const auto wanted = static_cast<std::uint64_t>(given.nodes);
  const std::string words =
      fmt::format("{}: {} in place of {}{}\n", presentable(job.name), counted(wanted, "node"), job.nodes,
                  job.suspend ? ", once it goes on: it is suspended" : "");
  return print_job(job.name, to_json(cluster::job_view(*patched)), given.form, words) ? kExitComplete
                                                                                      : kExitFailed;
}

int run(const GivenToScale& given) {
  if (!is_in_cluster(given.job, given.cluster)) {
    return refuse_here(
        "scale", given.job,
        fmt::format("end the run with parallelrun cancel {}, and start the same command again with "
                    "--set nodeCount={}: it goes on where it stopped",
                    given.job, given.nodes));
  }
  return with_job(given.cluster, given.job, [&given](cluster::Jobs& jobs, const cluster::JobView& job) {
    return scale(given, jobs, job);
  });
}

}  // namespace

Verb add_scale(CLI::App& program) {
  const auto given = std::make_shared<GivenToScale>();
  CLI::App* verb = program.add_subcommand("scale", "give a job of a cluster more nodes, or fewer");
  verb->add_option("NAME", given->job, "of a job in the cluster")->required();
  verb->add_option("--nodes", given->nodes, "how many worker pods; work that is under way is not lost")
      ->required()
      ->check(CLI::Range(1, kMostNodes));
  add_cluster_options(*verb, given->cluster);
  add_form_option_of_job(*verb, given->form);
  verb->footer("Example: parallelrun scale digits --nodes 8 -n team");
  return {verb, [given] { return run(*given); }};
}

}  // namespace parallelrun
