#include "runner/agent/oom_watch.h"

#include <fstream>
#include <string>

namespace parallelrun::agent {
namespace {

// The number after `key` in a file of "key number" lines.
std::optional<std::uint64_t> number_in(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  std::string word;
  std::uint64_t number = 0;
  while (file >> word >> number) {
    if (word == key) return number;
  }
  return std::nullopt;
}

// The folder of this process in the cgroup tree, as /proc tells it: "0::/path" (v2) or "N:memory:/path".
std::string cgroup_folder(const std::string& controller) {
  std::ifstream file("/proc/self/cgroup");
  std::string line;
  while (std::getline(file, line)) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    if (line.substr(first + 1, second - first - 1) == controller) return line.substr(second + 1);
  }
  return "/";
}

}  // namespace

OomWatch::OomWatch() : seen_(count()) {}

std::optional<std::uint64_t> OomWatch::count() {
  // In a container the tree's root is the container's own group; outside, the group stands below it.
  for (const std::string& folder : {std::string("/"), cgroup_folder("")}) {
    if (auto n = number_in("/sys/fs/cgroup" + folder + "/memory.events", "oom_kill")) return n;
  }
  for (const std::string& folder : {std::string("/"), cgroup_folder("memory")}) {
    if (auto n = number_in("/sys/fs/cgroup/memory" + folder + "/memory.oom_control", "oom_kill")) return n;
  }
  return number_in("/proc/vmstat", "oom_kill");
}

std::string OomWatch::explain_sigkill() {
  const auto now = count();
  const bool grown = now && seen_ && *now > *seen_;
  seen_ = now;
  if (grown)
    return "the kernel's out-of-memory killer has just run: the process needed more memory than there is; a "
           "smaller miniBatchSize or processCountPerNode needs less";
  return "nobody here killed it; out of memory, perhaps (a smaller miniBatchSize or processCountPerNode "
         "needs "
         "less), or somebody ran kill -9";
}

}  // namespace parallelrun::agent
