// `parallelrun pod-agent`: the agent of a worker's pod. See docs/operator.md.
#pragma once

#include <chrono>
#include <string>

#include "common/http/endpoint.h"
#include "runner/job/pod_resolution.h"

namespace parallelrun {

struct PodAgentOptions {
  std::string connect;                                   // --connect: the orchestrator's Service
  std::string name;                                      // --name: "worker-0"
  std::string predecessor_end = {};                      // --predecessor-ended: as in AgentOptions
  PodPlaces places;                                      // --root, --source-copy, --scratch
  std::string termination_log = "/dev/termination-log";  // --termination-log
  TlsFiles tls;  // where the Secret is mounted, unless a test says otherwise
};

// Waits for the orchestrator as long as it takes, copies the code as the job says, and works. What the
// scripts print comes out on standard output too. Exit codes: 0 told to leave, or SIGTERM; 1 refused, or
// other code than the job's; 2 usage. To be called on the main thread, with no other thread beside it.
int run_pod_agent(const PodAgentOptions& options);

}  // namespace parallelrun
