// `logs`, `errors`, `failed` and `output` of a job in a cluster: the same verb runs in a pod that mounts the
// job's output volume (runner/cluster/look.h), and what it prints is printed here.
#pragma once

#include <string>
#include <vector>

#include "runner/cli/job_argument.h"
#include "runner/cli/shown.h"

namespace parallelrun {

struct ClusterLook {
  JobArgument job;
  std::string verb;
  std::vector<std::string> arguments;  // of the verb, without the job
  bool follow = false;
  std::string to;  // FILE that is made for standard output; empty: our standard output
};

// Has the verb in the pod print JSON, YAML, CSV or names where the user asked for it.
void ask_for_form(ClusterLook& look, Form form);

// Gives the exit code of the verb in the pod, or that of what went wrong before it.
int cluster_look(const ClusterLook& look);

}  // namespace parallelrun
