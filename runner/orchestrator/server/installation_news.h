// How the installation of [environment] requirements gets on, for whoever waits for the first mini-batch:
// told from what agents write into sys/node/<node>/environment.txt. Pure; one thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "runner/orchestrator/job_observer.h"

namespace parallelrun::orchestrator {

class InstallationNews {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds kInterval{5};  // between two sentences, whichever agents they are of
  static constexpr std::size_t kLongestLine = 160;

  // A sentence, at times: "agent000 installs requirements: Downloading torch (755.1 MB)". Its end is told of
  // the agent that was told of last, whenever it comes.
  std::optional<std::string> told_by(const AgentView& agent, const LogChunk& chunk, Time now);

 private:
  std::optional<Time> told_;
  std::string told_of_;  // the agent
};

}  // namespace parallelrun::orchestrator
