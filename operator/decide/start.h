// Policy: what is written once, before the first pod. Internal to the room.
#pragma once

#include "operator/decide/decision.h"

namespace parallelrun::op {

// Where the job has not started. Precondition: its spec is valid.
void start(Decision& decision);

}  // namespace parallelrun::op
