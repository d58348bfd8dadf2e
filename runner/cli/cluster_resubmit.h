// `resubmit` of a job in a cluster [PipelineParameter].
#pragma once

#include <string>
#include <vector>

#include "runner/cli/cluster_submit.h"
#include "runner/cluster/connection.h"

namespace parallelrun {

struct ClusterResubmitOptions {
  std::string job;
  cluster::ClusterChoice cluster;
  std::string name;                      // --name; empty: the next that is free
  std::vector<std::string> overrides;    // --set
  std::vector<std::string> inputs;       // --input NAME=CLAIM[/FOLDER]
  std::vector<std::string> side_inputs;  // --side-input, the same
  std::string output;                    // --output CLAIM/FOLDER
  std::string source_directory;          // --source-directory
  SubmitOptions submit;
};

// Gives the exit code; what went wrong is printed.
int cluster_resubmit(const ClusterResubmitOptions& options);

}  // namespace parallelrun
