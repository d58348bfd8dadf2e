// The places of a job that pods fill, with the pods that have filled them. Internal to the room.
#pragma once

#include <chrono>
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

// The runner container runs, or the pod as a whole does as far as is known.
bool runs(const PodView& pod);

enum class Loss : std::uint8_t {
  kNone,       // it lives, or is on its way
  kDeleted,    // somebody deletes it
  kDisrupted,  // evicted from a node that was short of something, preempted, its node shut down or lost
  kRejected,   // the node did not take it
  kLeft,       // the runner ended well
  kFailed,     // a container of ours failed, or the pod used more than its limit: what the budget counts
};
Loss loss_of(const PodView& pod);

// A runner that worked for longer than this before it failed begins the count of failures anew.
inline constexpr std::chrono::minutes kLongRun{10};
inline constexpr std::chrono::seconds kLongestPause{60};  // between a pod and its replacement
bool ran_long(const PodView& pod);

// When the pod after `lost` may be created, where that was the so-manieth failure of its place in a row: 1,
// 2, 4 ... 60 s after it, and never under 5. Times in the future (clocks differ) delay nothing.
WallTime earliest_replacement(const PodView& lost, std::int64_t failures, WallTime now);

}  // namespace parallelrun::op
