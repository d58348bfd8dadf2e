// Points in time as the Kubernetes API writes them.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace parallelrun::kube {

using WallTime = std::chrono::sys_time<std::chrono::nanoseconds>;

// "2026-01-31T12:00:00Z", with an optional fraction and an offset such as +01:00; years 1970 to 2200.
std::optional<WallTime> parse_rfc3339(std::string_view text);

// A MicroTime: "2026-01-31T12:00:00.000000Z", rounded down. Years as above.
std::string micro_time(WallTime time);

}  // namespace parallelrun::kube
