// Ctrl-C of a verb that waits for a cluster.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>

#include "common/posix/signal_queue.h"

namespace parallelrun::cluster {

// From its construction on SIGINT, SIGTERM and SIGHUP only request a stop, which ends calls that are under
// way. Make it before any other thread. The destructor ends its thread; the signals stay blocked.
class Interrupt {
 public:
  Interrupt();

  const std::stop_token& token() const { return token_; }
  bool requested() const { return token_.stop_requested(); }
  // Sleeps. False: interrupted, at once.
  bool wait(std::chrono::milliseconds time);

 private:
  SignalQueue signals_;
  std::stop_source source_;
  std::stop_token token_;
  std::mutex mutex_;
  std::condition_variable_any bell_;
  std::jthread thread_;
};

}  // namespace parallelrun::cluster
