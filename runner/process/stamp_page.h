// The page of shared memory in which this process stamps what it is doing, for the agent to read
// (runner/channel/frames.h). One writer: the main thread.
#pragma once

#include <cstdint>

#include "runner/channel/frames.h"

namespace parallelrun::process {

// Maps the page; the destructor unmaps it.
class StampPage {
 public:
  // Throws std::system_error when `fd` cannot be mapped.
  explicit StampPage(int fd);
  ~StampPage();
  StampPage(const StampPage&) = delete;
  StampPage& operator=(const StampPage&) = delete;

  // `now_ns`: CLOCK_MONOTONIC. The agent measures runInvocationTimeout and taskOverheadTimeout from it.
  void phase(channel::Phase phase, std::uint64_t now_ns);
  // A task was taken up: kLoading, its items not known yet. False: the agent has taken it back, and it must
  // not be worked on.
  bool begin(std::uint64_t task, std::uint64_t now_ns);
  void enter_run(std::uint64_t items, std::uint64_t now_ns);

 private:
  channel::Stamp* stamp_;
  std::uint64_t begun_ = 0;  // tasks so far, those taken back among them
};

}  // namespace parallelrun::process
