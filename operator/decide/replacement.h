// Policy: which pods are replaced under the next incarnation. What a loss is stands in loss.h. Internal to
// the room.
#pragma once

#include "operator/decide/decision.h"
#include "operator/decide/failure_budget.h"

namespace parallelrun::op {

// What was lost moves on in the slots, and counts where it failed. True: workers have vanished without a
// trace.
bool replace_lost_pods(Decision& decision, FailureBudget& budget);

}  // namespace parallelrun::op
