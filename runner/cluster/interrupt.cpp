#include "runner/cluster/interrupt.h"

#include <poll.h>

#include <csignal>

namespace parallelrun::cluster {

constexpr int kLookForEnd = 50;  // milliseconds

Interrupt::Interrupt()
    : signals_({SIGINT, SIGTERM, SIGHUP}), thread_([this](const std::stop_token& end) {
        while (!end.stop_requested()) {
          pollfd signal{signals_.descriptor(), POLLIN, 0};
          if (poll(&signal, 1, kLookForEnd) > 0 && signals_.take() != 0) request();
        }
      }) {}

bool Cancellation::wait(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  bell_.wait_for(lock, token_, time, [] { return false; });
  return !token_.stop_requested();
}

}  // namespace parallelrun::cluster
