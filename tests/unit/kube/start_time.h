// When the clocks of these tests begin.
#pragma once

#include "common/kube/time.h"

namespace parallelrun::kube {

inline constexpr Time kStart{std::chrono::hours{1}};

}  // namespace parallelrun::kube
