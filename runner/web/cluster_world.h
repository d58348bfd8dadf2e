// The world of the jobs of a cluster, with exactly the rights of the user's kubeconfig. A watch keeps the
// list. What lies in a job's output a short-lived pod answers (runner/cluster/look.h), which is there only as
// long as it answers. Its answers are kept for a while.
#pragma once

#include <memory>
#include <string>

#include "common/result/result.h"
#include "runner/cluster/connection.h"
#include "runner/cluster/interrupt.h"
#include "runner/web/world.h"

namespace parallelrun::web {

struct ClusterWorldOptions {
  cluster::ClusterChoice choice;
  bool all_namespaces = false;
};

// Has a thread of its own for the watch. `interrupt` ends its calls, and must outlive it. Errors: those of
// Connection::open().
Result<std::unique_ptr<World>> make_cluster_world(const ClusterWorldOptions& options,
                                                  cluster::Interrupt& interrupt);

}  // namespace parallelrun::web
