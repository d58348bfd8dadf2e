// Puts together what a decision is made of.
#pragma once

#include <optional>
#include <string>

#include "operator/controller/caches.h"
#include "operator/controller/job_memories.h"
#include "operator/decide/snapshot.h"

namespace parallelrun::op {

// "namespace/name", the key of a job in queue, memory and logs.
std::string key_text(const kube::ObjectKey& key);
kube::ObjectKey key_of(const std::string& text);

// Nothing where there is no such job. What the caches do not show yet is taken from the memory. Thread-safe
// as its arguments are.
std::optional<Snapshot> read_snapshot(const kube::ObjectKey& job, const Caches& caches, JobMemories& memories,
                                      kube::Time now);

}  // namespace parallelrun::op
