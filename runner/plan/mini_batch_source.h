// Where mini-batches come from: the planner, or a simulation that makes them up.
#pragma once

#include <optional>

#include "common/result/result.h"
#include "runner/plan/mini_batch.h"

namespace parallelrun {

// A pull iterator. Ids grow by one. Nothing means the end; after it, or an error, next() is not called again.
class MiniBatchSource {
 public:
  virtual ~MiniBatchSource() = default;
  virtual Result<std::optional<MiniBatch>> next() = 0;
};

}  // namespace parallelrun
