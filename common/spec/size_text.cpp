#include "common/spec/size_text.h"

#include <algorithm>
#include <limits>

namespace parallelrun {

std::optional<std::uint64_t> bytes_of_size(std::string_view text) {
  constexpr std::size_t kMostDigits = 15;
  constexpr std::string_view kPrefixes = "kMGTPE";
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  if (digits == 0 || digits > kMostDigits) return std::nullopt;
  std::uint64_t bytes = 0;
  for (const char digit : text.substr(0, digits))
    bytes = bytes * 10 + static_cast<std::uint64_t>(digit - '0');
  if (bytes == 0) return std::nullopt;
  const std::string_view unit = text.substr(digits);
  if (unit.empty()) return bytes;
  const bool binary = unit.size() == 2 && unit[1] == 'i';
  const std::size_t power = unit == "Ki" ? 0 : kPrefixes.find(unit[0]);
  if (power == std::string_view::npos || (unit.size() != 1 && !binary) || unit == "ki") return std::nullopt;
  const std::uint64_t factor = binary ? 1024 : 1000;
  for (std::size_t i = 0; i <= power; ++i) {
    if (bytes > std::numeric_limits<std::uint64_t>::max() / factor)
      return std::numeric_limits<std::uint64_t>::max();
    bytes *= factor;
  }
  return bytes;
}

}  // namespace parallelrun
