// Which log files an agent may write: those of its own node, and so many as its processes have use for. What
// it sends is made of a script's bytes, and a file for each of them would fill a disk with names. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <unordered_set>

#include "runner/orchestrator/job_observer.h"

namespace parallelrun::orchestrator {

class LogAllowance {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::uint64_t kFiles = 64;           // of an agent
  static constexpr std::uint64_t kFilesOfProcess = 16;  // and of each of its processes
  static constexpr std::uint64_t kMonitorFiles = 64;    // below perf/, where each minute has a file
  static constexpr std::uint64_t kMonitorFilesAMinute = 4;

  // Empty: it may. Else why not, a part of a sentence.
  std::string refusal(const AgentView& agent, const std::string& path, Time now);

 private:
  struct Files {
    std::unordered_set<std::string> names;
    std::deque<std::string> monitor;  // the last ones
    std::uint64_t monitor_count = 0;
    Time first{};
  };
  std::map<std::string, Files> by_agent_;
};

}  // namespace parallelrun::orchestrator
