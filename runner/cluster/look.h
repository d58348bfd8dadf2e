// Runs a verb of ours on the output directory of a job in a cluster, in a short-lived pod (look_pod.h).
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"
#include "runner/cluster/interrupt.h"
#include "runner/cluster/jobs.h"
#include "runner/cluster/look_end.h"
#include "runner/cluster/look_pod.h"

namespace parallelrun::cluster {

struct Look {
  std::string job;
  std::string verb;
  std::vector<std::string> arguments;
  std::vector<LookMount> mounts;       // beside the output
  std::chrono::seconds follow_for{0};  // how long it may go on; 0: as long as such a pod usually may
  // Standard output as it comes. False: nobody reads any more; the rest is left.
  std::function<bool(std::string_view bytes)> take;
  // A sentence for the user while he waits.
  std::function<void(const std::string& words)> say;
};

// Blocks. The pod is gone when it returns, or has been told to go; also after an interrupt (kAborted). The
// caller has got exactly what the verb wrote, or an error: kNotFound (no such job, or it has not started),
// kUnavailable (the pod does not come up: its volume, its image, no node), kCorrupt (the node has lost a part
// of the pod's log), and those of Jobs.
Result<LookEnd> look(Jobs& jobs, Cancellation& interrupt, const Look& what);

}  // namespace parallelrun::cluster
