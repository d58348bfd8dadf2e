// Policy: by which word of its orchestrator a job ends, and what is told of any end. Internal to the room.
// Another end is a policy of its own that gives an End (see deadline.h), called in decide.cpp.
#pragma once

#include <optional>
#include <string>

#include "operator/decide/decision.h"

namespace parallelrun::op {

struct End {
  bool complete = false;
  ReasonWord reason;
  std::string message;
  WallTime at{};
  nlohmann::json said = nullptr;  // by the orchestrator: its termination message
};

// A failure that is no runner's: the operator finds it now.
End failed_now(const Decision& decision, Reason reason, std::string message);

// What the runner of an orchestrator has said of the end.
std::optional<End> end_by_runner(const Decision& decision);

// The conditions, the status and the event of the end.
void tell_end(Decision& decision, const End& end);

}  // namespace parallelrun::op
