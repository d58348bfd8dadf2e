// Policy: a job that is suspended has no pods, and what was committed stays [suspend]. Internal to the room.
#pragma once

#include "operator/decide/decision.h"

namespace parallelrun::op {

// Precondition: spec.suspend is true.
void suspend(Decision& decision);
// Where the job was suspended and is not to be any more.
void resume(Decision& decision);

}  // namespace parallelrun::op
