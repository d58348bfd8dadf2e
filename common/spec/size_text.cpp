#include "common/spec/size_text.h"

#include <algorithm>
#include <array>
#include <limits>

namespace parallelrun {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t bytes;
};
constexpr std::array<Unit, 13> kUnits = {{{"", 1},
                                          {"k", 1'000},
                                          {"M", 1'000'000},
                                          {"G", 1'000'000'000},
                                          {"T", 1'000'000'000'000},
                                          {"P", 1'000'000'000'000'000},
                                          {"E", 1'000'000'000'000'000'000},
                                          {"Ki", std::uint64_t{1} << 10U},
                                          {"Mi", std::uint64_t{1} << 20U},
                                          {"Gi", std::uint64_t{1} << 30U},
                                          {"Ti", std::uint64_t{1} << 40U},
                                          {"Pi", std::uint64_t{1} << 50U},
                                          {"Ei", std::uint64_t{1} << 60U}}};

}  // namespace

std::optional<std::uint64_t> bytes_of_size(std::string_view text) {
  constexpr std::size_t kMostDigits = 15;
  constexpr std::uint64_t kHighest = std::numeric_limits<std::uint64_t>::max();
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  if (digits > kMostDigits) return std::nullopt;
  std::uint64_t number = 0;
  for (const char digit : text.substr(0, digits)) {
    number = number * 10 + static_cast<std::uint64_t>(digit - '0');
  }
  const auto unit = std::find_if(kUnits.begin(), kUnits.end(),
                                 [&](const Unit& one) { return one.name == text.substr(digits); });
  if (number == 0 || unit == kUnits.end()) return std::nullopt;
  return number > kHighest / unit->bytes ? kHighest : number * unit->bytes;
}

}  // namespace parallelrun
