// What to tell of a check of the committed bytes that takes long. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace parallelrun::orchestrator {

class SlowCheck {
 public:
  using Time = std::chrono::steady_clock::time_point;
  // Shorter ones are not worth a word.
  static constexpr std::chrono::seconds kLong{1};
  static constexpr std::chrono::seconds kAgain{10};

  // `done` of `total` bytes are read; 0 begins a check. A sentence, now and then.
  std::optional<std::string> look(std::uint64_t done, std::uint64_t total, Time now);

 private:
  Time started_{};
  std::optional<Time> told_;
};

// "7 bytes", "1.5 MB", "12.0 GB", in powers of 1024.
std::string bytes_in_words(std::uint64_t bytes);

}  // namespace parallelrun::orchestrator
