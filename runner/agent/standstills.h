// When the agent itself did not run: a stopped or starved machine, SIGSTOP. Such time is nobody's fault,
// so deadlines move by it.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>

#include "runner/agent/time.h"

namespace parallelrun::agent {

class Standstills {
 public:
  // The agent looks at its clock at least this often when it runs at all.
  static constexpr Duration kNoticed = std::chrono::seconds(1);

  // Call it with every look at the clock. Gives the length of the standstill that just ended, or zero.
  Duration look(Time now) {
    const Duration gap = last_ == Time{} ? Duration::zero() : now - last_;
    const bool stood_still = gap > kNoticed;
    if (stood_still) {
      spans_[next_] = {last_, now};
      next_ = (next_ + 1) % spans_.size();
    }
    last_ = std::max(last_, now);
    return stood_still ? gap : Duration::zero();
  }

  // How much of the time since `begin` the agent stood still.
  Duration since(Time begin) const {
    Duration sum = Duration::zero();
    for (const Span& span : spans_) {
      if (span.end > begin) sum += span.end - std::max(span.begin, begin);
    }
    return sum;
  }

 private:
  struct Span {
    Time begin{};
    Time end{};
  };
  // The last few are enough: older ones lie before anything that still has a deadline, or are a loss of
  // seconds among hours.
  std::array<Span, 16> spans_{};
  std::size_t next_ = 0;
  Time last_{};
};

}  // namespace parallelrun::agent
