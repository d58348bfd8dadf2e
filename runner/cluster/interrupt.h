// What ends calls that wait for a cluster: Ctrl-C of a verb, or whoever has started them.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>

#include "common/posix/signal_queue.h"

namespace parallelrun::cluster {

// Any thread.
class Cancellation {
 public:
  const std::stop_token& token() const { return token_; }
  bool requested() const { return token_.stop_requested(); }
  // Ends calls that are under way; later ones end at once.
  void request() { source_.request_stop(); }
  // Sleeps. False: interrupted, at once.
  bool wait(std::chrono::milliseconds time);

 private:
  std::stop_source source_;
  std::stop_token token_ = source_.get_token();
  std::mutex mutex_;
  std::condition_variable_any bell_;
};

// From its construction on SIGINT, SIGTERM and SIGHUP only request a stop. Make it before any other thread.
// The destructor ends its thread; the signals stay blocked.
class Interrupt : public Cancellation {
 public:
  Interrupt();

 private:
  SignalQueue signals_;
  std::jthread thread_;
};

}  // namespace parallelrun::cluster
