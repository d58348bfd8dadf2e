// When results go to the agent. A system call and a wake-up of the agent for each of many thousand
// mini-batches a second would cost more than the mini-batches; a result that waits behind a long run()
// would be late. So results are held back only in a row of short tasks, and at once sent otherwise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "runner/channel/frames.h"

namespace parallelrun::process {

// Pure bookkeeping: no clock, no system call. Times are nanoseconds of one monotonic clock.
class ResultBuffer {
 public:
  // A task counts as short below kShortTaskNs; after kShortTasks of them in a row the next is expected to
  // be short too, and results wait for up to kHoldNs. A task that breaks the expectation holds back what
  // was there when it began, until it ends: the price of doing without a second thread, which would make
  // os.fork() in the user's script warn.
  static constexpr std::uint64_t kShortTaskNs = 250'000;
  static constexpr std::uint64_t kShortTasks = 16;
  static constexpr std::uint64_t kHoldNs = 500'000;
  static constexpr std::size_t kHoldBytes = std::size_t{1} << 16U;

  // A frame of `head` and `body`. Precondition: their sizes together are at most kMaxFrameBytes.
  void add(channel::Frame kind, std::string_view head, std::string_view body);
  void task_ended(std::uint64_t now_ns, std::uint64_t duration_ns);

  bool empty() const { return bytes_.empty(); }
  bool full() const { return bytes_.size() > kHoldBytes; }
  // Whether what is held must go out before a task that begins now.
  bool due(std::uint64_t now_ns) const;

  std::string_view bytes() const { return bytes_; }
  void clear();

 private:
  std::string bytes_;
  std::uint64_t held_since_ns_ = 0;
  std::uint64_t short_tasks_ = 0;
};

}  // namespace parallelrun::process
