// Time that passes only from event to event, and the dice of one seed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <queue>
#include <random>
#include <utility>
#include <vector>

#include "runner/orchestrator/time.h"

namespace parallelrun::simulation {

using orchestrator::Duration;
using orchestrator::Time;

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}

  // Both ends included.
  std::uint64_t between(std::uint64_t low, std::uint64_t high) { return low + engine_() % (high - low + 1); }
  Duration between(Duration low, Duration high) {
    return Duration(static_cast<std::int64_t>(
        between(static_cast<std::uint64_t>(low.count()), static_cast<std::uint64_t>(high.count()))));
  }
  bool chance(double p) { return static_cast<double>(engine_() >> 11U) * 0x1.0p-53 < p; }

 private:
  std::mt19937_64 engine_;
};

class Events {
 public:
  Time now() const { return now_; }
  void at(Time when, std::function<void()> what) {
    queue_.push({std::max(when, now_), next_++, std::move(what)});
  }
  void after(Duration wait, std::function<void()> what) { at(now_ + wait, std::move(what)); }

  // False: nothing is left to happen.
  bool step() {
    if (queue_.empty()) return false;
    auto what = queue_.top().what;
    now_ = queue_.top().when;
    queue_.pop();
    what();
    return true;
  }

 private:
  struct Event {
    Time when;
    std::uint64_t order;
    std::function<void()> what;
    bool operator<(const Event& other) const {
      return when != other.when ? when > other.when : order > other.order;
    }
  };
  Time now_{std::chrono::hours(1)};
  std::uint64_t next_ = 0;
  std::priority_queue<Event> queue_;
};

}  // namespace parallelrun::simulation
