// Policy: when a job that is at its end is deleted [ttlSecondsAfterFinished]. Internal to the room.
#pragma once

#include "operator/decide/decision.h"

namespace parallelrun::op {

// False: not yet, or never.
bool delete_in_time(Decision& decision, WallTime ended);

// The job ends now, as of `ended`: its deletion is for a later decision.
void await_deletion(Decision& decision, WallTime ended);

}  // namespace parallelrun::op
