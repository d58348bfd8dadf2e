// The clocks of the controller.
#pragma once

#include <chrono>

#include "common/kube/time.h"
#include "operator/decide/wall_time.h"

namespace parallelrun::op {

inline kube::Time now() { return std::chrono::steady_clock::now(); }

inline WallTime wall_now() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

}  // namespace parallelrun::op
