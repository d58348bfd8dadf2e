#include "runner/report/error_report.h"

#include <fmt/format.h>

#include "common/json/members.h"
#include "common/text/presentable.h"
#include "runner/report/text_files.h"

namespace parallelrun::report {
namespace {

constexpr std::size_t kLargest = std::size_t{16} << 20U;
constexpr std::size_t kLongestTracebackLine = std::size_t{1} << 20U;
constexpr std::size_t kMostLines = 2000;
constexpr std::string_view kHeading = "--- ";  // before each traceback of a file

std::string first_traceback(const std::string& path) {
  std::string text;
  std::size_t lines = 0;
  // A file that cannot be read leaves the group without one; `logs` says why.
  [[maybe_unused]] const Status read = for_each_line(path, kLongestTracebackLine, [&](std::string_view line) {
    if (line.starts_with(kHeading)) return lines++ == 0;
    text += std::string(line) + "\n";
    return ++lines < kMostLines;
  });
  while (text.ends_with("\n\n")) text.pop_back();
  return text;
}

// Files are named by what we read: one outside logs/user/error/ is none of ours.
bool is_ours(const std::string& file) {
  return file.starts_with("user/error/") && file.find("..") == std::string::npos;
}

void take_groups(const nlohmann::json& document, bool earlier, const std::string& logs, ErrorReport& report) {
  const auto errors = document.find("errors");
  if (errors == document.end() || !errors->is_array()) return;
  for (const nlohmann::json& error : *errors) {
    ErrorGroup group;
    group.count = count_at(error, "count");
    group.phase = text_at(error, "phase");
    group.type = text_at(error, "type");
    group.message = text_at(error, "message");
    group.first = text_at(error, "first");
    group.where = text_at(error, "where");
    group.what = text_at(error, "what");
    group.last = text_at(error, "last");
    group.file = text_at(error, "tracebacks");
    group.earlier = earlier;
    if (is_ours(group.file)) group.traceback = first_traceback(logs + group.file);
    report.groups.push_back(std::move(group));
  }
  report.others += count_at(document, "others");
}

}  // namespace

Result<ErrorReport> errors_of(const std::string& directory) {
  const std::string logs = directory + "/logs/";
  const std::string path = logs + "user/errors.json";
  const Result<std::string> text = read_text(path, kLargest);
  if (!text && text.error().code == ErrorCode::kNotFound) {
    ErrorReport none;
    none.told = false;
    return none;
  }
  if (!text) return text.error();
  const nlohmann::json document = nlohmann::json::parse(*text, nullptr, false);
  if (!document.is_object())
    return Error{ErrorCode::kCorrupt,
                 fmt::format("'{}' is damaged: it holds no JSON object; {} has the same as text",
                             presentable(path), "logs/user/error.txt")};
  ErrorReport report;
  take_groups(document, false, logs, report);
  take_groups(object_at(document, "earlier"), true, logs, report);
  return report;
}

nlohmann::ordered_json to_json(const ErrorReport& report) {
  nlohmann::ordered_json groups = nlohmann::ordered_json::array();
  for (const ErrorGroup& group : report.groups) {
    groups.push_back({{"count", group.count},
                      {"phase", group.phase},
                      {"type", group.type},
                      {"message", group.message},
                      {"first", group.first},
                      {"where", group.where},
                      {"what", group.what},
                      {"last", group.last},
                      {"earlierStart", group.earlier},
                      {"file", group.file.empty() ? "" : "logs/" + group.file},
                      {"traceback", group.traceback}});
  }
  return {{"errors", std::move(groups)}, {"others", report.others}};
}

}  // namespace parallelrun::report
