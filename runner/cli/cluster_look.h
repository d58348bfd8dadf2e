// `logs`, `errors`, `failed` and `output` of a job in a cluster: the same verb runs in a pod that mounts the
// job's output volume (runner/cluster/look.h), and what it prints is printed here.
#pragma once

#include <string>
#include <vector>

#include "runner/cli/job_argument.h"

namespace parallelrun {

struct ClusterLook {
  JobArgument job;
  std::string verb;
  std::vector<std::string> arguments;  // of the verb, without the job
  bool follow = false;
  std::string to;  // FILE that is made for standard output; empty: our standard output
};

// Gives the exit code of the verb in the pod, or that of what went wrong before it.
int cluster_look(const ClusterLook& look);

}  // namespace parallelrun
