#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>

#include "runner/cli/pod_options.h"
#include "runner/cli/this_process.h"
#include "runner/cli/verbs.h"
#include "runner/pod/pod_orchestrator.h"

namespace parallelrun {
namespace {

struct GivenToPodOrchestrator {
  PodOrchestratorOptions options;
  std::int64_t lease_seconds = options.lease_duration.count();
};

int run(GivenToPodOrchestrator& given) {
  given.options.program = this_program();
  given.options.lease_duration = std::chrono::seconds(given.lease_seconds);
  given.options.tls = pod_tls(given.options.places);
  return run_pod_orchestrator(given.options);
}

}  // namespace

Verb add_pod_orchestrator(CLI::App& program) {
  const auto given = std::make_shared<GivenToPodOrchestrator>();
  PodOrchestratorOptions& options = given->options;
  CLI::App* verb = program.add_subcommand("pod-orchestrator",
                                          "the orchestrator of a job in its pod (started by the operator)");
  verb->add_option("--ended", options.ended,
                   "HOLDER of the Lease that has ended; the Lease is taken from it at once");
  CLI::Option* job = verb->add_option("--take-over-job", options.take_over_job,
                                      "NAME of an earlier job whose results are taken over by item");
  verb->add_option("--take-over", options.take_over,
                   "the folder of that job's output in the output volume; default: its root")
      ->needs(job);
  verb->add_option("--listen", options.listen, "HOST:PORT");
  verb->add_option("--kubeconfig", options.kubeconfig, "used instead of the pod's service account");
  verb->add_option("--termination-log", options.termination_log, "file for the termination message");
  verb->add_option("--lease-duration", given->lease_seconds,
                   "number of seconds after which another pod may take a Lease that is not renewed")
      ->check(CLI::Range(1, 3600));
  add_places(*verb, options.places);
  return {verb, [given] { return run(*given); }};
}

}  // namespace parallelrun
