// Whether the kernel has killed for want of memory, and how much there was: what turns a bare SIGKILL into a
// reason. Reads the cgroup of this process (v2 or v1), which worker processes are in too.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace parallelrun::agent {

// What cannot be read is not there.
struct MemoryFigures {
  std::optional<std::uint64_t> kills;  // processes that the kernel has killed for memory, so far
  std::optional<std::uint64_t> peak;   // bytes: of the group that has the limit
  std::optional<std::uint64_t> limit;  // bytes: the lowest of the group and those above it; none: no limit
};
// Below `root` lie sys/fs/cgroup and proc.
MemoryFigures read_memory_figures(const std::string& root = "");

// Pure: a part of a sentence for the user. `process_peak`: the most memory that the process held, in bytes;
// 0: not known.
std::string killed_for_memory(const MemoryFigures& figures, std::uint64_t process_peak);

class OomWatch {
 public:
  // Counts from now on.
  OomWatch() : seen_(read_memory_figures().kills) {}

  // For a process that was killed by SIGKILL and not by the agent: a part of a sentence for the user.
  // Each kill of the kernel explains one death or more: the count moves on with the call.
  std::string explain_sigkill(std::uint64_t process_peak);

 private:
  std::optional<std::uint64_t> seen_;
};

}  // namespace parallelrun::agent
