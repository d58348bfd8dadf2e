// The clock of the agent.
#pragma once

#include <chrono>

namespace parallelrun::agent {

using Time = std::chrono::steady_clock::time_point;  // CLOCK_MONOTONIC, as in the stamp page
using Duration = std::chrono::steady_clock::duration;

inline Time now() { return std::chrono::steady_clock::now(); }
inline double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace parallelrun::agent
