// What keeps pods from coming up, in a word for conditions and events and a sentence that says what to do.
// Another thing in the way is a case here; which of them is told stands in running.h. Internal to the room.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

#include "operator/decide/conditions.h"
#include "operator/decide/snapshot.h"

namespace parallelrun::op {

struct Obstacle {
  ReasonWord reason;
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

// The first problem of each kind, among all objects that the job needs.
struct Obstacles {
  std::optional<Obstacle> object;  // Secret, Service or account
  std::optional<Obstacle> orchestrator;
  std::optional<Obstacle> worker;
  std::size_t workers_refused = 0;
};

// Whether it is on a node, does not start, and its status does not say why: events may.
bool is_stuck(const PodView& pod);

}  // namespace parallelrun::op
