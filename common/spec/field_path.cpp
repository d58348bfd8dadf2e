#include "common/spec/field_path.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace parallelrun {
namespace {

bool plain_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

Error broken(std::string_view what, std::size_t at) {
  return Error{ErrorCode::kInvalidArgument, fmt::format("{} at character {}", what, at + 1)};
}

}  // namespace

std::string child_path(std::string_view parent, std::string_view key) {
  if (key.empty() || !std::all_of(key.begin(), key.end(), plain_character)) {
    return fmt::format("{}[\"{}\"]", parent, key);
  }
  return parent.empty() ? std::string(key) : fmt::format("{}.{}", parent, key);
}

std::string child_path(std::string_view parent, std::size_t index) {
  return fmt::format("{}[{}]", parent, index);
}

Result<std::vector<PathSegment>> parse_field_path(std::string_view text) {
  std::vector<PathSegment> segments;
  std::size_t i = 0;
  bool expect_key = true;
  while (i < text.size()) {
    if (text[i] == '[') {
      const char quote = i + 1 < text.size() ? text[i + 1] : '\0';
      if (quote == '"' || quote == '\'') {
        const std::size_t end = text.find(quote, i + 2);
        if (end == std::string_view::npos || end + 1 >= text.size() || text[end + 1] != ']') {
          return broken("a quoted key is not closed", i);
        }
        segments.emplace_back(std::string(text.substr(i + 2, end - i - 2)));
        i = end + 2;
      } else {
        const std::size_t end = text.find(']', i);
        if (end == std::string_view::npos) return broken("'[' is not closed", i);
        std::size_t index = 0;
        const char* first = text.data() + i + 1;
        const char* last = text.data() + end;
        const auto [stop, error] = std::from_chars(first, last, index);
        if (error != std::errc() || stop != last)
          return broken("an index in brackets is not a number", i + 1);
        segments.emplace_back(index);
        i = end + 1;
      }
      expect_key = false;
      continue;
    }
    if (!expect_key) {
      if (text[i] != '.') return broken("'.' or '[' is missing", i);
      ++i;
    }
    const std::size_t start = i;
    while (i < text.size() && plain_character(text[i])) ++i;
    if (i == start) return broken("a field name is missing", i);
    segments.emplace_back(std::string(text.substr(start, i - start)));
    expect_key = false;
  }
  if (segments.empty()) return Error{ErrorCode::kInvalidArgument, "the field name is missing"};
  return segments;
}

}  // namespace parallelrun
