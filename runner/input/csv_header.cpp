#include "runner/input/csv_header.h"

#include <algorithm>

#include "runner/input/csv_state.h"

namespace parallelrun {
namespace {

std::string_view without_line_break(std::string_view header) {
  while (header.ends_with('\n') || header.ends_with('\r')) header.remove_suffix(1);
  return header;
}

}  // namespace

std::vector<std::string> header_fields(std::string_view header, char delimiter) {
  header = without_line_break(header);
  std::vector<std::string> fields(1);
  csv::State state = csv::State::kFieldStart;
  bool closed = false;  // the byte before was a quote that ended a quoted part
  for (const char c : header) {
    const bool quoted = state == csv::State::kQuoted;
    const csv::State after =
        csv::step(state, static_cast<unsigned char>(c), static_cast<unsigned char>(delimiter));
    if (c == delimiter && !quoted) {
      fields.emplace_back();
    } else if (c != '"' || after == csv::State::kUnquoted || (closed && after == csv::State::kQuoted)) {
      if (!(quoted && c == '"')) fields.back().push_back(c);
    }
    closed = quoted && c == '"';
    state = after;
  }
  return fields;
}

HeaderMatch compare_headers(std::string_view first, std::string_view other, char delimiter) {
  if (without_line_break(first) == without_line_break(other)) return HeaderMatch::kSame;
  std::vector<std::string> a = header_fields(first, delimiter);
  std::vector<std::string> b = header_fields(other, delimiter);
  if (a == b) return HeaderMatch::kSame;
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return a == b ? HeaderMatch::kOtherOrder : HeaderMatch::kOtherColumns;
}

}  // namespace parallelrun
