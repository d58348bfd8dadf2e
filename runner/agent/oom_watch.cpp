#include "runner/agent/oom_watch.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>
#include <vector>

namespace parallelrun::agent {
namespace {

constexpr const char* kWayOut = "to use less memory, lower miniBatchSize or processCountPerNode";

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

// The number that a file holds, or that stands after `key` in a file of "key number" lines. "max" is none.
std::optional<std::uint64_t> number_in(const std::string& path, std::string_view key = {}) {
  std::istringstream lines(text_of(path));
  std::string word;
  while (lines >> word) {
    if (!key.empty() && word != key) continue;
    if (!key.empty()) lines >> word;
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (error == std::errc() && end == word.data() + word.size()) return number;
    return std::nullopt;
  }
  return std::nullopt;
}

// The folder of this process in the cgroup tree, as /proc tells it: "0::/path" (v2) or "N:memory:/path".
std::string cgroup_folder(const std::string& root, std::string_view controller) {
  std::istringstream file(text_of(root + "/proc/self/cgroup"));
  std::string line;
  while (std::getline(file, line)) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    if (controllers.find("," + std::string(controller) + ",") != std::string::npos) {
      return line.substr(second + 1);
    }
  }
  return "/";
}

// The group and those above it. In a container the tree's root is the container's own group, and the folder
// that /proc tells may lie outside.
std::vector<std::string> chain(const std::string& tree, std::string folder) {
  std::vector<std::string> groups;
  while (folder.size() > 1) {
    groups.push_back(tree + folder);
    folder.erase(folder.rfind('/'));
  }
  groups.push_back(tree);
  return groups;
}

struct Files {
  const char* kills;
  const char* limit;
  const char* peak;
};
constexpr Files kV2{"/memory.events", "/memory.max", "/memory.peak"};
constexpr Files kV1{"/memory.oom_control", "/memory.limit_in_bytes", "/memory.max_usage_in_bytes"};
constexpr std::uint64_t kNoLimitInV1 = std::uint64_t{1} << 60U;  // what it shows is close to 2^63

void read_groups(const std::vector<std::string>& groups, const Files& files, MemoryFigures& figures) {
  for (const std::string& group : groups) {
    if (!figures.kills) figures.kills = number_in(group + files.kills, "oom_kill");
    const auto limit = number_in(group + files.limit);
    if (!limit || *limit >= kNoLimitInV1 || (figures.limit && *figures.limit <= *limit)) continue;
    figures.limit = limit;
    figures.peak = number_in(group + files.peak);
  }
}

std::string bytes_in_words(std::uint64_t bytes) {
  constexpr double kMebibyte = 1024.0 * 1024.0;
  const double mebibytes = static_cast<double>(bytes) / kMebibyte;
  if (mebibytes < 1024) return fmt::format("{:.0f} MiB", mebibytes);
  return fmt::format("{:.1f} GiB", mebibytes / 1024);
}

}  // namespace

MemoryFigures read_memory_figures(const std::string& root) {
  MemoryFigures figures;
  const std::string tree = root + "/sys/fs/cgroup";
  read_groups(chain(tree, cgroup_folder(root, "")), kV2, figures);
  read_groups(chain(tree + "/memory", cgroup_folder(root, "memory")), kV1, figures);
  if (!figures.kills) figures.kills = number_in(root + "/proc/vmstat", "oom_kill");
  return figures;
}

std::string killed_for_memory(const MemoryFigures& figures, std::uint64_t process_peak) {
  std::string words = "killed for memory";
  const char* separator = ": ";
  if (process_peak > 0) {
    words += fmt::format("{}the process used {} at its peak", separator, bytes_in_words(process_peak));
    separator = ", ";
  }
  if (figures.limit && figures.peak) {
    words += fmt::format("{}all processes of this node together used {}, and their limit is {}", separator,
                         bytes_in_words(*figures.peak), bytes_in_words(*figures.limit));
  } else if (figures.limit) {
    words +=
        fmt::format("{}the limit of this node's processes is {}", separator, bytes_in_words(*figures.limit));
  }
  return words + "; " + kWayOut;
}

std::string OomWatch::explain_sigkill(std::uint64_t process_peak) {
  const MemoryFigures figures = read_memory_figures();
  const bool grown = figures.kills && seen_ && *figures.kills > *seen_;
  seen_ = figures.kills;
  if (grown) return killed_for_memory(figures, process_peak);
  const std::string held =
      process_peak > 0 ? fmt::format(" (it used {} at its peak)", bytes_in_words(process_peak)) : "";
  return fmt::format(
      "the runner did not kill it; perhaps the machine had no more memory{}: {}. Or somebody ran kill -9",
      held, kWayOut);
}

}  // namespace parallelrun::agent
