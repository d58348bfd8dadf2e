// `parallelrun pod-orchestrator`: what surrounds the orchestrator of a job in its pod. See
// docs/operator.md.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "common/http/endpoint.h"
#include "runner/job/pod_resolution.h"

namespace parallelrun {

struct PodOrchestratorOptions {
  std::string program;             // path of this program, for the child
  std::vector<std::string> ended;  // --ended: pods whose Lease is taken at once
  // --take-over, --take-over-job: the folder of the output volume ("": its root) and the name of an earlier
  // job, whose results are taken over by item [resubmission]. Without a job there is none.
  std::string take_over, take_over_job;
  std::string listen = "[::]:7443";                      // --listen; pod::kPort
  std::string kubeconfig;                                // --kubeconfig; empty: the pod's service account
  std::string termination_log = "/dev/termination-log";  // --termination-log
  PodPlaces places;                                      // --root, --source-copy, --scratch
  TlsFiles tls;                                          // where the Secret is mounted
  std::chrono::seconds lease_duration{60};               // --lease-duration
};

// Reads POD_NAME, POD_NAMESPACE, JOB_NAME and JOB_UID of the environment. Exit codes: 0 complete; 1 failed,
// or an end that the job can go on from (the termination message says `Interrupted`); 2 refused; 130 stopped
// by a signal. To be called on the main thread, before any other thread exists.
int run_pod_orchestrator(const PodOrchestratorOptions& options);

}  // namespace parallelrun
