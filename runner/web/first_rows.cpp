#include "runner/web/first_rows.h"

#include <algorithm>
#include <map>
#include <vector>

#include "common/json/compact_text.h"

namespace parallelrun::web {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kMostColumns = 500;
constexpr std::size_t kLongestCell = 4096;

std::string cut_cell(std::string_view cell) {
  if (cell.size() <= kLongestCell) return std::string(cell);
  return std::string(cell.substr(0, kLongestCell)) + "...";
}

// One record of CSV (RFC 4180), which begins at `at`; `at` is behind it then. False: it is not whole.
bool next_record(std::string_view text, std::size_t& at, bool whole, std::vector<std::string>& cells) {
  cells.assign(1, "");
  bool quoted = false;
  for (std::size_t i = at; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c != '"') {
        cells.back() += c;
      } else if (i + 1 < text.size() && text[i + 1] == '"') {
        cells.back() += '"';
        ++i;
      } else {
        quoted = false;
      }
    } else if (c == '"' && cells.back().empty()) {
      quoted = true;
    } else if (c == ',') {
      if (cells.size() < kMostColumns) cells.emplace_back();
    } else if (c == '\n') {
      if (cells.back().ends_with('\r')) cells.back().pop_back();
      at = i + 1;
      return true;
    } else {
      cells.back() += c;
    }
  }
  const bool some = whole && at < text.size() && !quoted;
  at = text.size();
  return some;
}

ordered_json csv_table(std::string_view text, std::size_t limit, bool whole) {
  ordered_json columns = ordered_json::array();
  ordered_json rows = ordered_json::array();
  std::size_t at = 0;
  std::vector<std::string> cells;
  if (next_record(text, at, whole, cells))
    for (const std::string& cell : cells) columns.push_back(cut_cell(cell));
  while (rows.size() < limit && at < text.size() && next_record(text, at, whole, cells)) {
    ordered_json row = ordered_json::array();
    for (const std::string& cell : cells) row.push_back(cut_cell(cell));
    rows.push_back(std::move(row));
  }
  return {
      {"columns", std::move(columns)}, {"rows", std::move(rows)}, {"truncated", !whole || at < text.size()}};
}

std::vector<std::string_view> lines_in(std::string_view text, std::size_t limit, bool whole,
                                       bool& truncated) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (lines.size() >= limit || (end == std::string_view::npos && !whole)) break;
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  truncated = !whole || !text.empty();
  return lines;
}

std::string json_cell(const ordered_json& value) {
  if (value.is_string()) return cut_cell(value.get<std::string>());
  return cut_cell(value.dump(-1, ' ', false, ordered_json::error_handler_t::replace));
}

ordered_json json_table(std::string_view text, std::size_t limit, bool whole) {
  bool truncated = false;
  std::vector<ordered_json> records;
  std::vector<std::string> columns;
  std::map<std::string, std::size_t> places;
  bool objects = true;
  const auto lines = lines_in(text, limit, whole, truncated);
  for (const std::string_view line : lines) {
    records.push_back(ordered_json::parse(line.begin(), line.end(), nullptr, false));
    objects = objects && records.back().is_object();
    if (!objects) continue;
    for (const auto& [name, value] : records.back().items())
      if (columns.size() < kMostColumns && places.emplace(name, columns.size()).second)
        columns.push_back(name);
  }
  ordered_json rows = ordered_json::array();
  for (std::size_t i = 0; i < records.size(); ++i) {
    ordered_json row = ordered_json::array();
    if (objects) {
      for (const std::string& column : columns) {
        const auto found = records[i].find(column);
        row.push_back(found == records[i].end() ? ordered_json(nullptr) : ordered_json(json_cell(*found)));
      }
    } else {
      row.push_back(cut_cell(lines[i]));
    }
    rows.push_back(std::move(row));
  }
  return {{"columns", objects && !columns.empty() ? ordered_json(columns) : ordered_json(nullptr)},
          {"rows", std::move(rows)},
          {"truncated", truncated}};
}

ordered_json text_table(std::string_view text, std::size_t limit, bool whole) {
  bool truncated = false;
  ordered_json rows = ordered_json::array();
  for (const std::string_view line : lines_in(text, limit, whole, truncated)) {
    ordered_json row = ordered_json::array();
    row.push_back(cut_cell(line));
    rows.push_back(std::move(row));
  }
  return {{"columns", nullptr}, {"rows", std::move(rows)}, {"truncated", truncated}};
}

}  // namespace

ordered_json first_rows(std::string_view text, const std::string& format, std::size_t limit, bool whole) {
  if (format == "csv") return csv_table(text, limit, whole);
  if (format == "jsonl") return json_table(text, limit, whole);
  return text_table(text, limit, whole);
}

}  // namespace parallelrun::web
