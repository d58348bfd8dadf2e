#include "runner/progress/script_error.h"

#include <array>

namespace parallelrun {
namespace {

// In the order of their numbers.
constexpr std::array<const char*, 7> kWords = {"", "load", "init", "read", "run", "result", "shutdown"};

}  // namespace

const char* to_string(ErrorPhase phase) {
  const auto number = static_cast<std::size_t>(phase);
  return number < kWords.size() ? kWords.at(number) : "";
}

std::optional<ErrorPhase> error_phase_of(std::string_view word) {
  for (std::size_t number = 1; number < kWords.size(); ++number) {
    if (word == kWords.at(number)) return static_cast<ErrorPhase>(number);
  }
  return std::nullopt;
}

}  // namespace parallelrun
