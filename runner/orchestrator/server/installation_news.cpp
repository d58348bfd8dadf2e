#include "runner/orchestrator/server/installation_news.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "runner/progress/one_line.h"

namespace parallelrun::orchestrator {
namespace {

constexpr std::string_view kEnd = "installed with ";

// As pip and uv begin the lines that say how they get on.
bool is_progress(std::string_view line) {
  static constexpr std::array<std::string_view, 8> kBegins = {"Collecting ", "Downloading ", "Building ",
                                                              "Preparing ",  "Installing ",  "Resolved ",
                                                              "Prepared ",   "Installed "};
  return std::any_of(kBegins.begin(), kBegins.end(),
                     [&](std::string_view one) { return line.starts_with(one); });
}

}  // namespace

std::optional<std::string> InstallationNews::told_by(const AgentView& agent, const LogChunk& chunk,
                                                     Time now) {
  if (!chunk.path.starts_with("sys/node/") || !chunk.path.ends_with("/environment.txt")) return std::nullopt;
  std::string_view last;
  std::string_view end;
  bool begins = false;
  for (std::string_view rest = chunk.bytes; !rest.empty();) {
    const std::size_t line_end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, line_end);
    rest.remove_prefix(std::min(line_end + 1, rest.size()));
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    if (line.starts_with("$ ")) begins = true;
    if (is_progress(line)) last = line;
    if (line.starts_with(kEnd)) end = line;
  }
  const bool due = !told_ || now - *told_ >= kInterval;
  std::string words;
  if (!end.empty() && (due || told_of_ == agent.name)) {
    words = agent.name + " has its requirements: " + one_line(end, kLongestLine);
  } else if (end.empty() && due && !last.empty()) {
    words = agent.name + " installs requirements: " + one_line(last, kLongestLine);
  } else if (end.empty() && due && begins) {
    words = agent.name + " installs requirements";
  }
  if (words.empty()) return std::nullopt;
  told_ = now;
  told_of_ = end.empty() ? agent.name : std::string();  // one end for each telling
  return words;
}

}  // namespace parallelrun::orchestrator
