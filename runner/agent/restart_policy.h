// When a slot's next process may start, and when the slot is given up. Pure; one for each slot.
#pragma once

#include <algorithm>
#include <chrono>

#include "runner/agent/standstills.h"

namespace parallelrun::agent {

class RestartPolicy {
 public:
  static constexpr int kInitTries = 3;     // failures of init without one success that give a slot up
  static constexpr int kBarrenDeaths = 3;  // deaths between tasks that cost a task a try
  static constexpr Duration kFirstDelay = std::chrono::milliseconds(100);
  static constexpr Duration kLongestDelay = std::chrono::seconds(10);

  void on_ready() {
    ever_ready_ = true;
    init_failures_ = 0;
  }
  void on_init_failed() { ++init_failures_; }
  void on_result() { barren_deaths_ = 0; }
  // The process ended after init, before it had delivered a single result, and nothing was running.
  void on_barren_death() { ++barren_deaths_; }

  bool given_up() const { return !ever_ready_ && init_failures_ >= kInitTries; }
  bool charges_a_task() const { return barren_deaths_ >= kBarrenDeaths; }

  // Zero after a first crash or a timeout: their cause was a mini-batch, and restarting soon is the point.
  Duration delay() const {
    const int n = std::max(init_failures_, barren_deaths_);
    if (n == 0) return Duration::zero();
    return std::min(kLongestDelay, kFirstDelay * (1 << std::min(n - 1, 10)));
  }

 private:
  bool ever_ready_ = false;
  int init_failures_ = 0;
  int barren_deaths_ = 0;
};

}  // namespace parallelrun::agent
