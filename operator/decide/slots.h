// The places of a job that pods fill, with the pods that have filled them. Internal to the room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "operator/decide/job_facts.h"
#include "operator/decide/snapshot.h"

namespace parallelrun::op {

// The orchestrator's place, or that of the worker of an index. Pods are the snapshot's.
struct Slot {
  Role role = Role::kWorker;
  std::uint32_t index = 0;
  std::uint32_t incarnation = 0;           // the larger of what status has recorded and what is there
  const PodView* current = nullptr;        // the pod of that incarnation
  std::vector<const PodView*> older = {};  // of lower incarnations, ascending
  std::int64_t failures = 0;               // in a row, of the pods before this incarnation
  // When the pod of this incarnation may be made: status keeps it, for pods may be gone by then.
  std::optional<WallTime> not_before;

  // The current pod is no use any more: the place is for the next incarnation. Sets the pause before it.
  void replace(WallTime now);
};

// The workers' places that there is something to say of, however many the job has: those with a pod or an
// incarnation, and the first ones of which there is nothing, as many as may be filled at a time.
struct Slots {
  Slot orchestrator;
  std::vector<Slot> workers;            // by index, below nodeCount
  std::uint32_t left_out = 0;           // places of which there is nothing and that are not among `workers`
  std::vector<const PodView*> surplus;  // workers of indices from nodeCount on
  std::vector<const PodView*> foreign;  // pods of another owner
};

// Pods that are made at a time.
inline constexpr std::size_t kMostCreated = 250;

Slots arrange(const Snapshot& snapshot, const JobFacts& facts);

}  // namespace parallelrun::op
