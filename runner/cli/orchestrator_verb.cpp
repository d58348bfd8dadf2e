#include <CLI/CLI.hpp>
#include <csignal>
#include <memory>

#include "runner/cli/child_options.h"
#include "runner/cli/launcher.h"
#include "runner/cli/this_process.h"
#include "runner/cli/verbs.h"
#include "runner/orchestrator/server/run_orchestrator.h"

namespace parallelrun {
namespace {

struct GivenToOrchestrator {
  OrchestratorOptions options;
  pid_t parent = 0;
};

int run(const GivenToOrchestrator& given) {
  const int signal = given.options.lease.empty() ? SIGTERM : SIGKILL;
  return end_with_parent(given.parent, signal) ? run_orchestrator(given.options) : kExitFailed;
}

}  // namespace

Verb add_orchestrator(CLI::App& program) {
  const auto given = std::make_shared<GivenToOrchestrator>();
  OrchestratorOptions& options = given->options;
  CLI::App* verb = program.add_subcommand("orchestrator",
                                          "plan, lease and commit a job (started by `run` or the operator)");
  verb->add_option("--job", options.job_file, "the job, as JSON")->required();
  verb->add_option("--listen", options.listen, "unix:/path or HOST:PORT")->required();
  verb->add_option("--token-fd", options.token_fd,
                   "file descriptor from which the secret of the run is read");
  verb->add_option("--progress-fd", options.progress_fd,
                   "file descriptor to which progress is written, as JSON lines");
  verb->add_option("--control-fd", options.control_fd, "file descriptor from which `hold` and `go` are read");
  verb->add_option("--lease", options.lease,
                   "NAMESPACE/NAME of the job whose Lease is held: take the files over from its last holder");
  verb->add_option("--run", options.run, "the same for restarts within one run");
  verb->add_flag("--overwrite", options.overwrite,
                 "remove another job's results, or a damaged state of this one");
  verb->add_flag("--retry-failed", options.retry_failed,
                 "try the failed mini-batches of an earlier run again");
  verb->add_option("--run-index", options.run_index, "directory of the user's complete runs, for reuse");
  verb->add_option("--take-over", options.take_over,
                   "output directory of an earlier job whose results are taken over by item");
  verb->add_option("--take-over-job", options.take_over_job,
                   "NAME of the job of a cluster that this output directory is of");
  verb->add_flag("--explain", options.explain_reuse, "tell why no results are reused");
  options.version = PARALLELRUN_VERSION;
  add_child_options(*verb, options.tls, given->parent);
  return {verb, [given] { return run(*given); }};
}

}  // namespace parallelrun
