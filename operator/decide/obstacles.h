// What keeps pods from coming up, in a word for conditions and events and a sentence that says what to do.
// Internal to the room.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "operator/decide/snapshot.h"

namespace parallelrun::op {

struct Obstacle {
  std::string reason;   // "ImagePullFailed"
  std::string message;  // names the pod or object
};

// A pod that is not scheduled at once may only wait for its volume to be made.
inline constexpr std::chrono::seconds kTimeToSchedule{5};
// Until then a pod that was scheduled is expected to be on its way.
inline constexpr std::chrono::seconds kTimeToStart{5};

// Of a pod that has neither ended nor is being deleted.
std::optional<Obstacle> obstacle_of(const PodView& pod, WallTime now);

// Of a write that was refused.
Obstacle obstacle_of(const Refusal& refusal);

// Another's object has the name of ours.
Obstacle name_taken(const std::string& object);

// Whether it is on a node, does not start, and its status does not say why: events may.
bool is_stuck(const PodView& pod);

}  // namespace parallelrun::op
