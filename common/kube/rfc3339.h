// Points in time as the Kubernetes API writes them.
#pragma once

#include <chrono>
#include <string>

#include "common/time/rfc3339.h"

namespace parallelrun::kube {

using WallTime = std::chrono::sys_time<std::chrono::nanoseconds>;

// A MicroTime, rounded down. Years 1970 to 2200.
inline std::string micro_time(WallTime time) {
  return rfc3339_micros(std::chrono::floor<std::chrono::microseconds>(time));
}

}  // namespace parallelrun::kube
