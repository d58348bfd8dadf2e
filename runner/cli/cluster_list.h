// `list` of the jobs of a cluster.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "runner/cli/shown.h"
#include "runner/cluster/jobs.h"

namespace parallelrun {

// The table of `list`. Pure.
std::string table_of(const std::vector<cluster::ListedJob>& jobs, bool all_namespaces, bool wide,
                     const Screen& screen);

int cluster_list(const cluster::ClusterChoice& choice, bool all_namespaces, Form form);

}  // namespace parallelrun
