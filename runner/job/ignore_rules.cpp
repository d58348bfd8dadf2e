#include "runner/job/ignore_rules.h"

#include <algorithm>
#include <utility>

namespace parallelrun {
namespace {

// A glob takes braces, .gitignore does not.
std::string without_braces(std::string_view pattern) {
  std::string text;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\' && i + 1 < pattern.size()) {
      text += pattern[i++];
    } else if (pattern[i] == '{' || pattern[i] == '}') {
      text += '\\';
    }
    text += pattern[i];
  }
  return text;
}

std::string_view without_blanks_at_end(std::string_view line) {
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t')) {
    if (line.size() > 1 && line[line.size() - 2] == '\\') break;
    line.remove_suffix(1);
  }
  return line;
}

}  // namespace

void IgnoreRules::add(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = without_blanks_at_end(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    bool negated = false;
    if (line.front() == '!') {
      negated = true;
      line.remove_prefix(1);
    }
    const bool directories_alone = line.ends_with('/');
    while (line.ends_with('/')) line.remove_suffix(1);
    const bool from_the_top = line.find('/') != std::string_view::npos;
    if (line.starts_with('/')) line.remove_prefix(1);
    if (line.empty()) continue;
    auto glob = Glob::compile((from_the_top ? "" : "**/") + without_braces(line));
    if (glob) rules_.push_back({std::move(*glob), negated, directories_alone});
  }
}

bool IgnoreRules::leaves_out(std::string_view path, bool is_directory) const {
  for (auto rule = rules_.rbegin(); rule != rules_.rend(); ++rule) {
    if (rule->directories_alone && !is_directory) continue;
    if (rule->glob.matches(path)) return !rule->negated;
  }
  return false;
}

}  // namespace parallelrun
