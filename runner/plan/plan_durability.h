// What a commit needs of the plan, as an interface: what would be planned anew after a crash could be cut
// differently, so the plan is durable before anything of its mini-batches is committed.
#pragma once

#include <cstdint>

#include "common/result/result.h"

namespace parallelrun {

class PlanDurability {
 public:
  virtual ~PlanDurability() = default;
  // Once, before the rest, when the journal has been read: all of the plan as it was found survives a crash
  // after it. The first `mini_batches` did before, since the journal speaks of them. The rest is written
  // again: the sync of a predecessor may have failed, after which the system takes for clean what never
  // reached the disk. Errors: kNoSpace, kIo.
  virtual Status settle(std::uint64_t mini_batches) = 0;
  // Called on the commit thread.
  // Mini-batches 0 to `mini_batches` - 1 of the plan survive a crash after it. Cheap when they did before.
  virtual Status make_durable(std::uint64_t mini_batches) = 0;
};

}  // namespace parallelrun
