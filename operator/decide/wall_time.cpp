#include "operator/decide/wall_time.h"

#include "common/time/rfc3339.h"

namespace parallelrun::op {

std::optional<WallTime> parse_wall_time(std::string_view text) {
  const auto time = parse_rfc3339(text);
  if (!time) return std::nullopt;
  return std::chrono::floor<std::chrono::milliseconds>(*time);
}

std::string format_wall_time(WallTime time) {
  return rfc3339_seconds(std::chrono::floor<std::chrono::seconds>(time));
}

}  // namespace parallelrun::op
