#include "runner/web/output_answers.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <utility>

#include "common/json/members.h"
#include "common/posix/read_error.h"
#include "common/result/try.h"
#include "common/spec/yaml_text.h"
#include "common/text/presentable.h"
#include "runner/report/error_report.h"
#include "runner/report/failed_report.h"
#include "runner/report/job_report.h"
#include "runner/report/log_files.h"
#include "runner/report/speed_report.h"
#include "runner/web/first_rows.h"
#include "runner/web/log_text.h"
#include "runner/web/parquet_rows.h"

namespace parallelrun::web {
namespace {

using nlohmann::ordered_json;
using Answer = Result<ordered_json>;

constexpr std::size_t kMostLogFiles = 20'000;
constexpr std::int64_t kMostFailed = 5000;  // in one answer
constexpr std::chrono::milliseconds kCountFailed{300};
constexpr std::int64_t kMostRows = 1000;
constexpr std::size_t kMostRowBytes = std::size_t{2} << 20U;
constexpr std::size_t kMostDriverLog = std::size_t{4} << 20U;
constexpr std::size_t kLongestSearch = 1000;

Answer explain(const OutputPlace& place) {
  ASSIGN_OR_RETURN(const report::SpeedReport speed, report::read_speed(place.path));
  return to_json(speed, report::findings_of(speed));
}

Answer timeline(const OutputPlace& place, TimelineReader& timelines) {
  ASSIGN_OR_RETURN(const report::JobReport job, report::report_of(place.path));
  const auto files = report::log_files(place.path);
  // A job that has logged nothing yet has an empty one.
  return timelines.read(place.key, place.folder, files ? *files : std::vector<report::LogFile>(),
                        report::at_work(job.state));
}

Answer errors(const OutputPlace& place) {
  // The tracebacks are read by their paths: a script may have put a link on their way.
  if (!place.folder.has_folder("logs/user")) return to_json(report::ErrorReport());
  ASSIGN_OR_RETURN(report::ErrorReport found, report::errors_of(place.path));
  for (report::ErrorGroup& group : found.groups) {
    if (!group.traceback.empty() && !place.folder.file("logs/" + group.file)) group.traceback.clear();
  }
  return to_json(found);
}

Answer failed(const OutputPlace& place, const Target& target) {
  constexpr std::int64_t kNoEnd = std::int64_t{1} << 50U;
  ASSIGN_OR_RETURN(const std::int64_t offset, target.number("offset", 0, 0, kNoEnd));
  ASSIGN_OR_RETURN(const std::int64_t limit, target.number("limit", 500, 0, kMostFailed));
  const auto deadline = std::chrono::steady_clock::now() + kCountFailed;
  std::int64_t seen = 0;
  bool all = true;
  ordered_json items = ordered_json::array();
  if (!place.folder.file("failed_items.jsonl")) return ordered_json{{"total", 0}, {"items", items}};
  ASSIGN_OR_RETURN(const std::uint64_t unread, report::for_each_failed(place.path, [&](const auto& item) {
                     if (seen >= offset && seen < offset + limit) items.push_back(to_json(item));
                     ++seen;
                     all = seen < offset + limit || std::chrono::steady_clock::now() < deadline;
                     return all;
                   }));
  ordered_json answer = {{"total", seen}, {"items", std::move(items)}};
  if (!all) answer["more"] = true;  // than `total`, which are those that were counted
  if (unread > 0) answer["unread"] = unread;
  return answer;
}

ordered_json no_rows(const std::string& why) {
  return {{"columns", nullptr}, {"rows", ordered_json::array()}, {"truncated", false}, {"note", why}};
}

Answer rows(const OutputPlace& place, const Target& target) {
  ASSIGN_OR_RETURN(const std::int64_t limit, target.number("limit", 100, 1, kMostRows));
  ASSIGN_OR_RETURN(const report::JobReport job, report::report_of(place.path));
  if (job.output_file.empty())
    return no_rows("outputAction is summary_only: the script itself stores its results");
  const auto file = place.folder.file(job.output_file);
  if (!file && file.error().code == ErrorCode::kNotFound)
    return no_rows(fmt::format("there are no rows yet: {}", file.error().message));
  if (!file) return file.error();
  if (job.format == "parquet") return parquet_rows(*file, static_cast<std::size_t>(limit));
  struct stat status{};
  if (fstat(file->get(), &status) != 0) return read_error("the output file", errno);
  const auto size = static_cast<std::size_t>(status.st_size);
  ASSIGN_OR_RETURN(const std::string text, read_begin(*file, std::min(size, kMostRowBytes)));
  return first_rows(text, job.format, static_cast<std::size_t>(limit), size <= kMostRowBytes);
}

Answer logs(const OutputPlace& place) {
  ordered_json files = ordered_json::array();
  if (!place.folder.has_folder("logs")) return ordered_json{{"files", files}};
  ASSIGN_OR_RETURN(const std::vector<report::LogFile> found, report::log_files(place.path));
  for (const report::LogFile& file : found) {
    if (files.size() == kMostLogFiles) break;
    files.push_back({{"path", file.name}, {"bytes", file.bytes}});
  }
  ordered_json answer = {{"files", std::move(files)}};
  if (found.size() > kMostLogFiles) answer["more"] = found.size() - kMostLogFiles;
  return answer;
}

Answer log(const OutputPlace& place, const Target& target) {
  ASSIGN_OR_RETURN(const LogRange range, log_range(target));
  const std::string path = target.text("path");
  ASSIGN_OR_RETURN(const FileDescriptor file, log_file(place.folder, path));
  ASSIGN_OR_RETURN(LogPiece piece, read_log(file.get(), range));
  return log_answer(path, std::move(piece));
}

Answer search(const OutputPlace& place, const Target& target) {
  constexpr std::int64_t kFar = std::int64_t{1} << 60U;
  LogSearch search;
  search.text = target.text("text");
  if (search.text.empty() || search.text.size() > kLongestSearch)
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("text has {} bytes, but must have 1 to {}", search.text.size(), kLongestSearch)};
  ASSIGN_OR_RETURN(const std::int64_t from, target.number("from", 0, 0, kFar));
  ASSIGN_OR_RETURN(const std::int64_t limit, target.number("limit", 200, 1, 1000));
  ASSIGN_OR_RETURN(const std::int64_t exact, target.number("case", 1, 0, 1));
  search.from = static_cast<std::uint64_t>(from);
  search.most_hits = static_cast<std::size_t>(limit);
  search.any_case = exact == 0;
  ASSIGN_OR_RETURN(const FileDescriptor file, log_file(place.folder, target.text("path")));
  ASSIGN_OR_RETURN(const LogHits found, search_log(file.get(), search));
  ordered_json hits = ordered_json::array();
  for (const LogHit& hit : found.hits)
    hits.push_back({{"offset", hit.offset}, {"at", hit.at}, {"line", hit.line}});
  return ordered_json{{"hits", std::move(hits)}, {"searchedTo", found.searched_to}, {"done", found.done}};
}

void make_presentable(ordered_json& value) {
  if (value.is_string()) {
    value = presentable_lines(value.get_ref<const std::string&>());
  } else if (value.is_structured()) {
    for (ordered_json& inner : value) make_presentable(inner);
  }
}

}  // namespace

Result<ordered_json> answer(const OutputPlace& place, const std::string& about, const Target& target,
                            TimelineReader& timelines) {
  if (about == "explain") return explain(place);
  if (about == "timeline") return timeline(place, timelines);
  if (about == "errors") return errors(place);
  if (about == "failed") return failed(place, target);
  if (about == "rows") return rows(place, target);
  if (about == "logs") return logs(place);
  if (about == "log") return log(place, target);
  if (about == "search") return search(place, target);
  return Error{
      ErrorCode::kInvalidArgument,
      fmt::format("there is no '{}' of a job; docs/ui.md lists what can be asked", presentable(about))};
}

Result<LogRange> log_range(const Target& target) {
  constexpr std::int64_t kFar = std::int64_t{1} << 60U;
  LogRange range;
  ASSIGN_OR_RETURN(range.offset, target.number("offset", 0, -kFar, kFar));
  ASSIGN_OR_RETURN(range.length, target.number("length", kMostLogBytes, 1, kMostLogBytes));
  ASSIGN_OR_RETURN(const std::int64_t whole, target.number("whole", 1, 0, 1));
  range.whole_lines = whole == 1;
  return range;
}

ordered_json log_answer(const std::string& path, LogPiece piece) {
  return {{"path", path},
          {"size", piece.size},
          {"offset", piece.offset},
          {"next", piece.next},
          {"text", std::move(piece.text)}};
}

Result<FileDescriptor> log_file(const OutputFolder& folder, const std::string& path) {
  if (!is_path_within(path))
    return Error{ErrorCode::kInvalidArgument, fmt::format("path is '{}', but must be one that `logs` lists",
                                                          presentable(path.substr(0, 200)))};
  return folder.file("logs/" + path);
}

std::optional<std::uint64_t> log_size(const OutputFolder& folder, const std::string& path) {
  const auto file = log_file(folder, path);
  struct stat status{};
  if (!file || fstat(file->get(), &status) != 0) return std::nullopt;
  return static_cast<std::uint64_t>(status.st_size);
}

std::string manifest_of(const OutputFolder& folder, const std::string& name) {
  constexpr std::string_view kSpec = "spec: {";
  const auto file = folder.file("logs/70_driver_log.txt");
  if (!file) return "";
  const auto text = read_end(*file, kMostDriverLog);
  if (!text) return "";
  // The last start's.
  const std::size_t at = text->rfind(kSpec);
  if (at == std::string::npos) return "";
  const std::size_t begin = at + kSpec.size() - 1;
  const std::string line = text->substr(begin, std::min(text->find('\n', begin), text->size()) - begin);
  ordered_json spec = ordered_json::parse(line, nullptr, false);
  if (!spec.is_object()) return "";
  // The line has the whole manifest, as the job got it.
  if (spec.contains("kind") && spec.contains("spec")) return yaml_text(spec);
  return yaml_text({{"apiVersion", "parallelrun.dev/v1alpha1"},
                    {"kind", "ParallelRunJob"},
                    {"metadata", {{"name", name}}},
                    {"spec", std::move(spec)}});
}

std::string answer_text(ordered_json document) {
  make_presentable(document);
  return document.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace parallelrun::web
