// What the runner of an orchestrator says about the end of its job, in its termination message. Internal to
// the room.
#pragma once

#include <optional>
#include <string>

#include "common/json/json.h"
#include "operator/decide/conditions.h"
#include "operator/decide/snapshot.h"

namespace parallelrun::op {

struct RunnerResult {
  bool complete = false;
  ReasonWord reason;    // fit for a condition
  std::string message;  // with the first error and, for a failure, which log to read
  nlohmann::json said;  // the termination message
};

// Nothing where the job is not at an end: the container was stopped, the output could not be written, or what
// it left is not what a runner says (another program's words, cut off, in contradiction to its exit code).
// Precondition: pod.ended.
std::optional<RunnerResult> runner_result(const PodView& pod);

// Why the runner ended without a result, for people: with the pod's name and what to do about it.
std::string reason_of_loss(const PodView& pod);

// The same without name and advice, in one line: "OOMKilled, exit code 137", "Evicted, ...: The node was low
// ...".
std::string words_of_loss(const PodView& pod);

}  // namespace parallelrun::op
