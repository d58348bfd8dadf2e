// Policy: what the condition Running says of a job that is not at its end, and what keeps it from running.
// Internal to the room.
#pragma once

#include "operator/decide/obstacles.h"
#include "operator/decide/spec_check.h"

namespace parallelrun::op {

// `obstacles` are those of what is to be made; those of pods that are there are looked for here.
void tell_running(Decision& decision, const SpecVerdict& spec, Obstacles obstacles);

// Nothing is made of the job before that is out of the way.
void tell_waiting(Decision& decision, const Obstacle& awaited);

}  // namespace parallelrun::op
