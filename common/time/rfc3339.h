// Points in time as RFC 3339 writes them, and with it the Kubernetes API and our logs. Always in UTC.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace parallelrun {

// "2026-01-31T12:00:00Z", with an optional fraction and an offset such as +01:00; years 1970 to 2200. What is
// less than a nanosecond is cut off. Nothing for any other text.
std::optional<std::chrono::sys_time<std::chrono::nanoseconds>> parse_rfc3339(std::string_view text);

// "2026-01-31T12:00:00Z". Years 0 to 9999.
std::string rfc3339_seconds(std::chrono::sys_seconds time);

// "2026-01-31T12:00:00.000000Z".
std::string rfc3339_micros(std::chrono::sys_time<std::chrono::microseconds> time);

}  // namespace parallelrun
