// Time as the orchestrator's core sees it: a parameter of every call, never a clock of its own.
#pragma once

#include <chrono>

namespace parallelrun::orchestrator {

using Duration = std::chrono::nanoseconds;
using Time = std::chrono::time_point<std::chrono::steady_clock, Duration>;

}  // namespace parallelrun::orchestrator
