// What a worker process is told at its start: the first frame and its environment variables. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runner/agent/gpus.h"
#include "runner/agent/worker_control.h"
#include "runner/job/resolved_job.h"

namespace parallelrun::agent {

// JSON of kConfig (docs/architecture.md, "Worker processes").
std::string worker_config(const ResolvedJob& job, const std::string& agent_name, SlotIndex slot,
                          const std::string& log_directory);

struct VariablesOfAgent {
  std::vector<std::string> inherited;  // "NAME=value": the agent's own environment
  std::string package_directory;       // of parallelrun_worker: PARALLELRUN_PYTHON_PATH
  std::string python;                  // the environment's python3: PARALLELRUN_PYTHON_EXECUTABLE
  bool env_is_inherited = false;       // as in AgentOptions
  GpuDevices gpus = {};
  std::uint32_t first_process = 0;       // of this agent among all of the machine
  std::uint32_t processes_in_total = 1;  // of the machine
};

struct WorkerEnvironment {
  std::vector<std::string> variables;  // "NAME=value"
  std::vector<GpuDeal> gpus;           // those among them that give it GPUs
};

// The environment of the process in a slot: what the agent inherited without its own settings
// (PARALLELRUN_*), then [environment] `env` entries with plain values (unless they are among what it
// inherited, where `$(NAME)` in them is resolved), then `variables`; then its share of the GPUs that these
// and the machine's devices name.
WorkerEnvironment worker_environment(const JobSpec& spec, const VariablesOfAgent& agent, SlotIndex slot);

}  // namespace parallelrun::agent
