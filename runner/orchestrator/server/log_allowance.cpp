#include "runner/orchestrator/server/log_allowance.h"

#include <algorithm>
#include <string_view>

#include "common/text/node_folder.h"
#include "runner/orchestrator/server/log_tree.h"

namespace parallelrun::orchestrator {
namespace {

constexpr std::uint64_t kMostProcesses = 4096;
constexpr std::size_t kMonitorRemembered = 16;
constexpr std::string_view kMonitor = "perf/";

// "user/stdout/10.0.0.1/process000.stdout.txt" is of the node 10.0.0.1.
bool is_of_node(std::string_view path, const std::string& node) {
  // The folder of the node is the second component of perf/, else the third.
  std::size_t begin = path.find('/') + 1;
  if (!path.starts_with(kMonitor)) begin = path.find('/', begin) + 1;
  const std::size_t end = path.find('/', begin);
  return end != std::string_view::npos && path.substr(begin, end - begin) == node_folder(node);
}

}  // namespace

std::string LogAllowance::refusal(const AgentView& agent, const std::string& path, Time now) {
  if (!agent_may_log_to(path)) return "agents may not write logs there";
  if (!is_of_node(path, agent.node)) return "it belongs to another node";
  Files& files = by_agent_[agent.name];
  if (files.first == Time{}) files.first = now;
  if (!path.starts_with(kMonitor)) {
    if (files.names.contains(path)) return {};
    const std::uint64_t most =
        kFiles + kFilesOfProcess * std::min<std::uint64_t>(agent.slots, kMostProcesses);
    if (files.names.size() >= most) return "this agent has the highest allowed number of log files";
    files.names.insert(path);
    return {};
  }
  if (std::find(files.monitor.begin(), files.monitor.end(), path) != files.monitor.end()) return {};
  const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(now - files.first).count();
  const std::uint64_t most = kMonitorFiles + kMonitorFilesAMinute * static_cast<std::uint64_t>(minutes);
  if (files.monitor_count >= most)
    return "this agent's monitor has the highest number of files that is allowed at this time";
  ++files.monitor_count;
  files.monitor.push_back(path);
  if (files.monitor.size() > kMonitorRemembered) files.monitor.pop_front();
  return {};
}

}  // namespace parallelrun::orchestrator
