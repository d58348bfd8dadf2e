// What an agent asks of prepare_environment() for a job. Pure.
#pragma once

#include <string>
#include <vector>

#include "runner/agent/python_environment.h"
#include "runner/job/resolved_job.h"

namespace parallelrun::agent {

struct ProgramsOfAgent {
  std::string directory;     // of parallelrun-worker and python/
  std::string exec_program;  // parallelrun-exec
};

// `inherited`: the agent's own environment. On one machine it lacks the job's variables; those of them that
// an installer reads (PIP_*, UV_*, proxies, certificates) are added, as they stand in a pod's environment.
// Variables that spec.environment.env takes from elsewhere (valueFrom) count as secrets.
EnvironmentRequest environment_request(const ResolvedJob& job, const std::vector<std::string>& inherited,
                                       const ProgramsOfAgent& programs);

}  // namespace parallelrun::agent
