#include "common/posix/signal_queue.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>

#include "common/posix/process_start.h"

namespace parallelrun {

SignalQueue::SignalQueue(std::initializer_list<int> numbers) {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : numbers) {
    const bool may_be_ignored = number == SIGINT || number == SIGHUP;
    if (!may_be_ignored || !is_ignored(number)) sigaddset(&set, number);
  }
  sigprocmask(SIG_BLOCK, &set, nullptr);
  descriptor_ = FileDescriptor(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

int SignalQueue::take() const {
  signalfd_siginfo info{};
  const bool came = read(descriptor_.get(), &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info));
  return came ? static_cast<int>(info.ssi_signo) : 0;
}

}  // namespace parallelrun
