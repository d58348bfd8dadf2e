// How a pod was lost: what its end was, whether it counts as a failure of its place, and how long its
// successor waits. Another reason to replace a pod is an enumerator here, with its words and its pause.
// Internal to the room.
#pragma once

#include <chrono>
#include <cstdint>

#include "operator/decide/snapshot.h"

namespace parallelrun::op {

// The runner container runs, or the pod as a whole does as far as is known; and so does what reads its
// stores.
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
// "was deleted". Of kNone: "is gone".
const char* in_words(Loss loss);

// A runner that worked for longer than this before it failed begins the count of failures anew.
inline constexpr std::chrono::minutes kLongRun{10};
inline constexpr std::chrono::seconds kLongestPause{60};  // between a pod and its replacement
bool ran_long(const PodView& pod);

// Whether the place has failed with it: a container of ours did, or an orchestrator ended without a result.
bool is_failure(const PodView& lost);

// When the pod after `lost` may be created, where that was the so-manieth failure of its place in a row: 1,
// 2, 4 ... 60 s after it, and never under 5. Times in the future (clocks differ) delay nothing.
WallTime earliest_replacement(const PodView& lost, std::int64_t failures, WallTime now);

}  // namespace parallelrun::op
