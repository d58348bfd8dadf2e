// A pattern, a line break, a path. In bounded time (libFuzzer's -timeout) the path matches or does not, whole
// as component by component, and for plain patterns as a matcher says that has nothing but the rules.
#include "runner/input/glob.h"

#include <algorithm>
#include <string>
#include <vector>

#include "tests/fuzz/draw.h"
#include "tests/fuzz/fuzz_target.h"

namespace parallelrun {
namespace {

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == '/') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

// Rows of a table: which prefixes of `name` match the pattern so far.
bool component_matches(const std::string& pattern, const std::string& name) {
  std::vector<bool> reached(name.size() + 1, false);
  reached[0] = true;
  for (const char c : pattern) {
    std::vector<bool> next(name.size() + 1, false);
    for (std::size_t i = 0; i <= name.size(); ++i) {
      if (c == '*') {
        next[i] = reached[i] || (i > 0 && next[i - 1]);
      } else if (i > 0) {
        next[i] = reached[i - 1] && (c == '?' || c == name[i - 1]);
      }
    }
    reached = next;
  }
  return reached[name.size()];
}

bool reference_matches(std::string_view pattern, std::string_view path) {
  std::vector<std::string> patterns;
  for (const std::string& part : split(pattern)) {
    if (!part.empty() && part != ".") patterns.push_back(part);
  }
  if (pattern.ends_with('/') || patterns.empty()) patterns.emplace_back("**");
  if (patterns.back() == "**") patterns.emplace_back("*");
  const std::vector<std::string> names = split(path);
  std::vector<bool> reached(names.size() + 1, false);
  reached[0] = true;
  for (const std::string& component : patterns) {
    std::vector<bool> next(names.size() + 1, false);
    for (std::size_t i = 0; i <= names.size(); ++i) {
      if (component == "**") {
        next[i] = reached[i] || (i > 0 && next[i - 1]);
      } else if (i > 0) {
        next[i] = reached[i - 1] && component_matches(component, names[i - 1]);
      }
    }
    reached = next;
  }
  return reached[names.size()];
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

void check_walk(const Glob& glob, std::string_view path, bool matches) {
  Glob::State state = glob.start();
  const std::vector<std::string> names = split(path);
  for (std::size_t i = 0; i < names.size(); ++i) {
    // A walk does not go where nothing can match, so this must not deny what does.
    HOLDS(!matches || glob.may_match_below(state));
    state = glob.step(state, names[i]);
  }
  HOLDS(glob.accepts(state) == matches);
}

// With one pair of braces and nothing that takes away their meaning: either part.
void check_braces(std::string_view pattern, std::string_view path, bool matches) {
  const std::size_t open = pattern.find('{');
  const std::size_t close = pattern.find('}');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return;
  if (pattern.find('{', open + 1) != std::string_view::npos) return;
  if (pattern.find('}', close + 1) != std::string_view::npos) return;
  if (pattern.substr(open, close - open).find(',') == std::string_view::npos) return;
  bool any = false;
  std::string_view parts = pattern.substr(open + 1, close - open - 1);
  while (true) {
    const std::size_t comma = parts.find(',');
    const std::string alternative =
        std::string(pattern.substr(0, open)).append(parts.substr(0, comma)).append(pattern.substr(close + 1));
    const Result<Glob> one = Glob::compile(alternative);
    HOLDS_ELSE(alternative, one.ok());
    any = any || one->matches(path);
    if (comma == std::string_view::npos) break;
    parts.remove_prefix(comma + 1);
  }
  HOLDS(any == matches);
}

// A path with a '\' before each character is a pattern for itself alone.
void check_literal(std::string_view path) {
  const std::vector<std::string> names = split(path);
  const bool normal = std::all_of(names.begin(), names.end(), [](const std::string& name) {
    return !name.empty() && name != "." && name != "..";
  });
  if (!normal || path.size() > 1000 || names.size() > 60) return;
  std::string literal;
  for (const char c : path) literal.append(c == '/' ? "" : "\\") += c;
  const Result<Glob> glob = Glob::compile(literal);
  HOLDS_ELSE(literal, glob && glob->matches(path));
  HOLDS_ELSE(literal, !glob->matches(std::string(path) + "x"));
}

FUZZ_TARGET(glob) {
  fuzz::Draw draw(bytes);
  const std::string_view pattern = draw.line();
  const std::string_view path = draw.rest();
  if (is_ascii(path)) check_literal(path);
  const Result<Glob> glob = Glob::compile(pattern);
  if (!glob) {
    HOLDS(glob.error().code == ErrorCode::kInvalidArgument);
    return;
  }
  const bool matches = glob->matches(path);
  check_walk(*glob, path, matches);
  if (pattern.find_first_of("[]\\") != std::string_view::npos) return;
  check_braces(pattern, path, matches);
  if (pattern.find_first_of("{}") != std::string_view::npos || !is_ascii(path) || !is_ascii(pattern)) return;
  HOLDS(matches == reference_matches(pattern, path));
}

}  // namespace
}  // namespace parallelrun
