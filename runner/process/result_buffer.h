// When results go to the agent: in a row of short tasks they are held back for a moment, see
// runner/channel/hold_back.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "runner/channel/frames.h"
#include "runner/channel/hold_back.h"

namespace parallelrun::process {

// Pure bookkeeping: no clock, no system call. Times are nanoseconds of one monotonic clock.
class ResultBuffer {
 public:
  explicit ResultBuffer(const channel::HoldBack& rule = {}) : rule_(rule) {}

  // A frame of `head` and `body`. Precondition: their sizes together are at most kMaxFrameBytes.
  void add(channel::Frame kind, std::string_view head, std::string_view body);
  void task_ended(std::uint64_t now_ns, std::uint64_t duration_ns);

  bool empty() const { return bytes_.empty(); }
  bool full() const { return bytes_.size() > rule_.hold_bytes; }
  // Whether what is held must go out before a task that begins now.
  bool due(std::uint64_t now_ns) const;

  std::string_view bytes() const { return bytes_; }
  void clear();

 private:
  channel::HoldBack rule_;
  std::string bytes_;
  std::uint64_t held_since_ns_ = 0;
  std::uint64_t short_tasks_ = 0;
};

}  // namespace parallelrun::process
