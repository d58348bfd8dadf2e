#include "runner/output/json_rows.h"

#include <string_view>

#include "common/result/try.h"
#include "common/text/presentable.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Whether it begins and ends like one JSON value.
bool looks_whole(std::string_view line) {
  if (line.empty()) return false;
  switch (line.front()) {
    case '{':
      return line.size() > 1 && line.back() == '}';
    case '[':
      return line.size() > 1 && line.back() == ']';
    case '"':
      return line.size() > 1 && line.back() == '"';
    default:
      return line == "true" || line == "false" || line == "null" ||
             ((line.front() == '-' || is_digit(line.front())) && is_digit(line.back()));
  }
}

Status check_lines(std::string_view rows) {
  while (!rows.empty()) {
    const std::size_t end = rows.find('\n');
    const std::string_view line = rows.substr(0, end);
    if (end == std::string_view::npos || !looks_whole(line)) {
      return Error{ErrorCode::kCorrupt,
                   fmt::format("output.format is jsonl, but an agent sent a row that is not JSON: '{}'; the "
                               "row was not written. Use the same version for agents and orchestrator",
                               presentable(line.substr(0, 200)))};
    }
    rows.remove_prefix(end + 1);
  }
  return {};
}

}  // namespace

Status JsonRows::check(const std::vector<std::string>& rows) {
  for (const std::string& piece : rows) RETURN_IF_ERROR(check_lines(piece));
  return {};
}

Result<Appended> JsonRows::append(const std::vector<std::string>& rows, const std::vector<WorkId>&) {
  RETURN_IF_ERROR(check(rows));
  JoinedAppend out(file());
  PieceLengths lengths(out);
  for (const std::string& piece : rows) {
    RETURN_IF_ERROR(out.add(piece));
    lengths.end_piece();
  }
  RETURN_IF_ERROR(out.flush());
  return lengths.appended();
}

}  // namespace parallelrun
