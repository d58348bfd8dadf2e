// The places of a job that pods fill, with the pods that have filled them. Internal to the room.
#pragma once

#include <chrono>
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

  // The current pod is no use any more: the place is for the next incarnation.
  void replace();
};

struct Slots {
  Slot orchestrator;
  std::vector<Slot> workers;            // by index, below nodeCount
  std::vector<const PodView*> surplus;  // workers of higher indices
  std::vector<const PodView*> foreign;  // pods of another owner
};

Slots arrange(const Snapshot& snapshot, const JobFacts& facts);

// The runner container runs, or the pod as a whole does as far as is known.
bool runs(const PodView& pod);

enum class Loss : std::uint8_t {
  kNone,       // it lives, or is on its way
  kDeleted,    // somebody deletes it
  kDisrupted,  // evicted, preempted, its node shut down or lost
  kRejected,   // the node did not take it
  kLeft,       // the runner ended well
  kFailed,     // a container of ours failed: what the budget counts
};
Loss loss_of(const PodView& pod);

// A runner that worked for longer than this before it failed begins the count of failures anew.
inline constexpr std::chrono::minutes kLongRun{10};
bool ran_long(const PodView& pod);

// When the pod after `lost` may be created, where there have been so many failures in the job. Times in the
// future (clocks differ) delay nothing.
WallTime earliest_replacement(const PodView& lost, std::int64_t failures, WallTime now);

}  // namespace parallelrun::op
