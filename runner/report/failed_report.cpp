#include "runner/report/failed_report.h"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>

#include "common/json/members.h"
#include "runner/report/text_files.h"

namespace parallelrun::report {
namespace {

// A mini-batch may have very many files.
constexpr std::size_t kLongestFailedLine = std::size_t{256} << 20U;
constexpr const char* kFile = "/failed_items.jsonl";

std::string records(const nlohmann::json& line) {
  const std::string file = text_at(line, "file");
  const std::uint64_t items = count_at(line, "records");
  const auto first = number_at(line, "firstRow");
  if (!first || items == 0) return first ? fmt::format("{}, from record {}", file, *first) : file;
  if (items == 1) return fmt::format("{}, record {}", file, *first);
  return fmt::format("{}, records {} to {}", file, *first, *first + static_cast<std::int64_t>(items) - 1);
}

std::string error_of(const nlohmann::json& line) {
  if (text_at(line, "kind") == "shortfall")
    return fmt::format("run() returned {} for {} items", count_at(line, "returned"), count_at(line, "items"));
  const nlohmann::json& error = object_at(line, "error");
  const std::string type = text_at(error, "type");
  const std::string message = text_at(error, "message");
  return type.empty() || message.empty() ? type + message : type + ": " + message;
}

FailedItem row_of(const nlohmann::json& line) {
  FailedItem row;
  row.kind = text_at(line, "kind");
  row.mini_batch = std::to_string(count_at(line, "miniBatch"));
  if (line.contains("part")) row.mini_batch += "." + std::to_string(count_at(line, "part"));
  row.input = text_at(line, "input");
  row.item = records(line);
  row.count = count_at(line, "count");
  row.tries = count_at(line, "tries");
  row.error = error_of(line);
  return row;
}

}  // namespace

Result<std::uint64_t> for_each_failed(const std::string& directory,
                                      const std::function<bool(const FailedItem& item)>& take) {
  std::uint64_t unread = 0;
  const Status read = for_each_line(directory + kFile, kLongestFailedLine, [&](std::string_view text) {
    const nlohmann::json line = nlohmann::json::parse(text.begin(), text.end(), nullptr, false);
    if (!line.is_object()) {
      ++unread;
      return true;
    }
    FailedItem row = row_of(line);
    const auto files = line.find("files");
    if (files == line.end() || !files->is_array() || files->empty()) return take(row);
    // Which of its files a shortfall is about is not known, so it stays one row.
    if (row.kind == "shortfall") {
      row.item = fmt::format("{} of {} files, the first: {}", row.count, files->size(),
                             files->front().is_string() ? files->front().get<std::string>() : "");
      return take(row);
    }
    row.count = 1;
    for (const nlohmann::json& file : *files) {
      row.item = file.is_string() ? file.get<std::string>() : file.dump();
      if (!take(row)) return false;
    }
    return true;
  });
  if (!read && read.error().code != ErrorCode::kNotFound) return read.error();
  return unread;
}

bool has_no_failed_file(const std::string& directory) {
  std::error_code error;
  return !std::filesystem::exists(directory + kFile, error) && !error;
}

nlohmann::ordered_json to_json(const FailedItem& item) {
  return {{"kind", item.kind},   {"miniBatch", item.mini_batch}, {"input", item.input}, {"item", item.item},
          {"count", item.count}, {"tries", item.tries},          {"error", item.error}};
}

}  // namespace parallelrun::report
