// How much work an agent keeps ahead of its processes: enough that tiny mini-batches never wait for a
// round trip, and little enough that long ones are not hoarded while another agent is idle.
//
// Pure: durations go in, counts come out. One thread.
#pragma once

#include <chrono>
#include <cstddef>

namespace parallelrun::agent {

class Appetite {
 public:
  // From pick-up to result of one mini-batch.
  void on_duration(std::chrono::microseconds duration);

  // A lease reply that brought something. What is asked for at most quadruples with each, so that one
  // quick first mini-batch does not make an agent take thousands of slow ones.
  void on_leases() { growth_ = growth_ < kMost ? growth_ * 4 : kMost; }

  // Tasks in one process, the running one included: about 25 ms of work, 1 from 100 ms each. At least 1.
  std::size_t window() const;

  // Leases to hold for each ready process, those inside it included: about 100 ms of work ahead, none
  // beyond the running one from 1 s each. At least 1.
  std::size_t in_hand() const;

  // Leases for each ready process beyond which the surplus is handed back, because mini-batches turned
  // out slower than they were when these were asked for: 2 s of work, and at least 2.
  std::size_t bearable() const;

 private:
  static constexpr std::size_t kMost = 8192;
  static constexpr std::size_t kMostInProcess = 1024;

  double mean_us_ = 0;  // 0: nothing known yet
  std::size_t growth_ = 2;
};

}  // namespace parallelrun::agent
