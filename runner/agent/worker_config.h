// What a worker process is told at its start: the first frame and its environment variables. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

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
};

// The environment of the process in a slot: what the agent inherited without its own settings
// (PARALLELRUN_*), then [environment] `env` entries with plain values (unless they are among what it
// inherited, where `$(NAME)` in them is resolved), then `variables`. Where the agent's CUDA_VISIBLE_DEVICES
// lists several GPUs, each process gets one of them, in turn.
std::vector<std::string> worker_environment(const JobSpec& spec, const VariablesOfAgent& agent,
                                            SlotIndex slot);

}  // namespace parallelrun::agent
