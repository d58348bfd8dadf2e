// Timestamps of the API.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace parallelrun::op {

// Wall clock: what timestamps of the API are about.
using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

// As common/time reads it; fractions beyond milliseconds are cut off. Nothing for any other text.
std::optional<WallTime> parse_wall_time(std::string_view text);

// In whole seconds, as metav1.Time has it: "2026-11-22T05:19:00Z". What is less than a second is cut off.
std::string format_wall_time(WallTime time);

}  // namespace parallelrun::op
