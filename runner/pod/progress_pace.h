// When progress is said. Pure.
#pragma once

#include <chrono>
#include <optional>

namespace parallelrun {

// When the next one is due: at once after a pause, at most every 2 s, and every 10 s once the job has run for
// 5 minutes, so that thousands of long jobs do not keep the API server busy.
class ProgressPace {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds kShort{2};
  static constexpr std::chrono::seconds kLong{10};
  static constexpr std::chrono::minutes kLongJob{5};

  explicit ProgressPace(Time started) : started_(started) {}

  // When something new may be written, not before `now`.
  Time due(Time now) const;
  void written(Time now) { written_ = now; }

 private:
  Time started_;
  std::optional<Time> written_;
};

}  // namespace parallelrun
