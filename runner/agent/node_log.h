// `logs/sys/node/<ip>/<process>.txt`: for each mini-batch a line when it is picked up and one when it is
// done. With `loggingLevel` WARNING, only failures. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/spec/job_spec.h"
#include "common/text/node_folder.h"
#include "runner/agent/log_streams.h"
#include "runner/agent/worker_control.h"

namespace parallelrun::agent {

// The day and second of a time are formatted once a second: a line costs well under 2 us.
class TimeText {
 public:
  // "2026-01-31T23:59:59.123456Z"
  void append(std::string& out, std::int64_t unix_us);

 private:
  std::int64_t second_ = -1;
  std::string text_;
};

class NodeLog : public AttemptObserver {
 public:
  NodeLog(LogStreams& streams, const std::string& node, std::uint32_t slots, LoggingLevel level);

  void picked_up(SlotIndex slot, const Lease& lease, std::int64_t unix_us) override;
  void done(SlotIndex slot, const AttemptResult& result, const Lease& lease) override;
  // The process that now works in the slot.
  void process_started(SlotIndex slot, std::uint64_t pid) { slots_[slot].pid = pid; }

 private:
  struct Slot {
    LogBuffer* log = nullptr;
    std::uint64_t pid = 0;
  };

  std::string node_;
  LoggingLevel level_;
  std::vector<Slot> slots_;
  TimeText time_;
  std::string line_;
};

}  // namespace parallelrun::agent
