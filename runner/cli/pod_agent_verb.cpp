#include <CLI/CLI.hpp>
#include <memory>

#include "common/pod/pod_layout.h"
#include "runner/cli/pod_options.h"
#include "runner/cli/verbs.h"
#include "runner/pod/pod_agent.h"

namespace parallelrun {

Verb add_pod_agent(CLI::App& program) {
  const auto options = std::make_shared<PodAgentOptions>();
  CLI::App* verb =
      program.add_subcommand("pod-agent", "the worker processes of a job in a pod (started by the operator)");
  verb->add_option("--connect", options->connect, "HOST:PORT of the orchestrator")->required();
  verb->add_option("--name", options->name,
                   "name of this worker, the same for the whole job, such as worker-0")
      ->required();
  verb->add_option("--termination-log", options->termination_log, "file for the reason of a failure");
  verb->add_option("--predecessor-ended", options->predecessor_end,
                   "how the last pod of this name ended, in words")
      ->envname(pod::kPredecessorEnded);
  add_places(*verb, options->places);
  return {verb, [options] {
            options->tls = pod_tls(options->places);
            return run_pod_agent(*options);
          }};
}

}  // namespace parallelrun
