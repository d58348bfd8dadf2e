// Policy: what a spec that is not valid, or that has become another job's, does to the job. Internal to the
// room.
#pragma once

#include <optional>
#include <string>

#include "operator/decide/end.h"
#include "operator/decide/obstacles.h"

namespace parallelrun::op {

struct SpecVerdict {
  std::optional<End> end;  // the job cannot go on, or not begin
  // Why the spec of a job that has started cannot be followed. The pods that are there go on with the one
  // before it; nothing is written or made of this one, and nobody is replaced or sent away for it.
  std::optional<std::string> problem;
  // What a job that has not started waits for before anything is made of it.
  std::optional<Obstacle> awaited = std::nullopt;

  bool followed() const { return !problem; }
};

SpecVerdict check_spec(Decision& decision);

}  // namespace parallelrun::op
