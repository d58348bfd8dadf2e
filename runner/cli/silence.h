// When a process that says regularly that it lives has been silent for too long: stopped (SIGSTOP), or stuck.
// Pure: whoever looks brings the time.
#pragma once

#include <algorithm>
#include <chrono>

namespace parallelrun {

class Silence {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;

  // How often it is to be looked at.
  static constexpr std::chrono::seconds kLook{5};
  // A process that lives says so as often (`_BEAT` in runner/python/parallelrun_data/__main__.py). It may be
  // late on a busy machine.
  static constexpr std::chrono::seconds kMost{30};

  explicit Silence(Time now) : last_look_(now) {}

  void heard(Time now) {
    silent_ = Duration::zero();
    last_look_ = now;
  }

  // Whether it has lasted for kMost. Time in which nobody looked counts as one late look at most: then the
  // whole machine, or the one who looks, stood still, too.
  bool too_long(Time now) {
    silent_ += std::min<Duration>(now - last_look_, kLook + std::chrono::seconds(1));
    last_look_ = now;
    return silent_ >= kMost;
  }

 private:
  Duration silent_ = Duration::zero();
  Time last_look_;
};

}  // namespace parallelrun
