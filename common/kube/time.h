// Time as the pure parts of this room see it: a parameter of every call, never a clock of their own.
#pragma once

#include <chrono>

namespace parallelrun::kube {

using Duration = std::chrono::nanoseconds;
using Time = std::chrono::time_point<std::chrono::steady_clock, Duration>;

}  // namespace parallelrun::kube
