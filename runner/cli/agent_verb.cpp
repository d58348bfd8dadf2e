#include <CLI/CLI.hpp>
#include <csignal>
#include <memory>

#include "runner/agent/agent.h"
#include "runner/cli/child_options.h"
#include "runner/cli/launcher.h"
#include "runner/cli/this_process.h"
#include "runner/cli/verbs.h"

namespace parallelrun {
namespace {

struct GivenToAgent {
  AgentOptions options;
  pid_t parent = 0;
};

int run(const GivenToAgent& given) {
  return end_with_parent(given.parent, SIGTERM) ? run_agent(given.options) : kExitFailed;
}

}  // namespace

Verb add_agent(CLI::App& program) {
  const auto given = std::make_shared<GivenToAgent>();
  AgentOptions& options = given->options;
  CLI::App* verb = program.add_subcommand(
      "agent", "supervise the worker processes of one node (started by `run` or the operator)");
  verb->add_option("--connect", options.connect, "the orchestrator's unix:/path or HOST:PORT")->required();
  verb->add_option("--name", options.name, "name of this agent, the same for the whole job, such as agent000")
      ->required();
  verb->add_option("--node", options.node, "IP address of this node")->required();
  verb->add_option("--token-fd", options.token_fd,
                   "file descriptor from which the token of this agent is read");
  verb->add_option("--predecessor-ended", options.predecessor_end,
                   "how the last agent of this name ended, in words");
  verb->add_option("--processes", options.processes,
                   "number of worker processes; default: the job's processCountPerNode");
  verb->add_option("--machine-agent", options.machine_agent,
                   "number of this agent among the agents of the job on this machine; they share its GPUs");
  verb->add_option("--machine-agents", options.machine_agents, "number of agents of the job on this machine")
      ->check(CLI::PositiveNumber);
  verb->add_option("--log-directory", options.log_directory,
                   "EntryScript.log_dir of the scripts; default: a folder that is removed with the agent");
  add_child_options(*verb, options.tls, given->parent);
  return {verb, [given] { return run(*given); }};
}

}  // namespace parallelrun
