// The world of the jobs of a cluster, with exactly the rights of the user's kubeconfig, or of one viewer's
// token. A watch keeps the list. What lies in a job's output a short-lived pod answers
// (runner/cluster/look.h), which is there only as long as it answers. Its answers are kept for a while.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/result/result.h"
#include "runner/cluster/connection.h"
#include "runner/cluster/interrupt.h"
#include "runner/web/places.h"
#include "runner/web/world.h"

namespace parallelrun::web {

struct ClusterWorldOptions {
  cluster::ClusterChoice choice;
  bool all_namespaces = false;
  // He looks, with his rights, in place of the user of the kubeconfig. What the pods have answered is then
  // shown only while he may read the job and have such a pod made.
  std::optional<cluster::Viewer> viewer = std::nullopt;
  Tenant tenant;  // who takes the places for its watch, its pods and their answers
};

// Has a thread of its own for the watch. `interrupt` ends its calls, and must outlive it. Of a viewer it
// waits a moment until the jobs are listed. Errors: those of Connection::open(), kUnavailable (no place).
Result<std::unique_ptr<World>> make_cluster_world(const ClusterWorldOptions& options,
                                                  cluster::Cancellation& interrupt);

}  // namespace parallelrun::web
