// Policy: which pods have to go, while the job lives and after its end. Internal to the room.
#pragma once

#include <optional>

#include "operator/decide/spec_check.h"

namespace parallelrun::op {

// Those that were replaced, and those that a smaller nodeCount has no place for.
void remove_pods(Decision& decision, const SpecVerdict& spec);

// After the end, which was told at `told`; `failed` is the reason of a failure. Pods that are over stay for
// their logs.
void remove_after_end(Decision& decision, WallTime told, const std::optional<ReasonWord>& failed);

}  // namespace parallelrun::op
