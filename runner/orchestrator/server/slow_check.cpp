#include "runner/orchestrator/server/slow_check.h"

#include <array>

#include "common/text/counted.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun::orchestrator {

std::string bytes_in_words(std::uint64_t bytes) {
  if (bytes < 1024) return counted(bytes, "byte");
  constexpr std::array<const char*, 4> kUnits{"KB", "MB", "GB", "TB"};
  double value = static_cast<double>(bytes) / 1024.0;
  std::size_t unit = 0;
  while (value >= 1024.0 && unit + 1 < kUnits.size()) {
    value /= 1024.0;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::optional<std::string> SlowCheck::look(std::uint64_t done, std::uint64_t total, Time now) {
  if (done == 0) {
    started_ = now;
    told_.reset();
    return std::nullopt;
  }
  const auto took = now - started_;
  if (took < kLong) return std::nullopt;
  if (done >= total) {
    return fmt::format("checked that the output holds what was committed to it: {} in {:.0f} s",
                       bytes_in_words(done), std::chrono::duration<double>(took).count());
  }
  if (told_ && now - *told_ < kAgain) return std::nullopt;
  told_ = now;
  return fmt::format("checking that the output holds what was committed to it: {} of {} read so far",
                     bytes_in_words(done), bytes_in_words(total));
}

}  // namespace parallelrun::orchestrator
