#include "runner/report/job_report.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <thread>

#include "common/json/members.h"
#include "common/posix/host_name.h"
#include "common/text/presentable.h"
#include "common/time/rfc3339.h"
#include "runner/report/text_files.h"

namespace parallelrun::report {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLargestState = std::size_t{64} << 20U;  // job.json names every file of the code
constexpr std::size_t kLargestLock = 4096;
constexpr std::chrono::seconds kSilence{60};
constexpr int kLooks = 5;
constexpr std::chrono::milliseconds kBetweenLooks{10};

// Null where there is no such file.
Result<nlohmann::json> read_object(const std::string& path, std::size_t limit) {
  const Result<std::string> text = read_text(path, limit);
  if (!text && text.error().code == ErrorCode::kNotFound) return nlohmann::json();
  if (!text) return text.error();
  nlohmann::json document = nlohmann::json::parse(*text, nullptr, false);
  if (!document.is_object())
    return Error{ErrorCode::kCorrupt,
                 fmt::format("'{}' is damaged: it holds no JSON object", presentable(path))};
  return document;
}

// Its holder writes it in two steps, between which it is empty; killed there, it leaves it so. Null: there
// is no word of a holder.
nlohmann::json read_lock(const std::string& path) {
  for (int look = 0; look < kLooks; ++look) {
    if (look > 0) std::this_thread::sleep_for(kBetweenLooks);
    if (auto lock = read_object(path, kLargestLock)) return std::move(lock).value();
  }
  return nullptr;
}

// Whoever holds the lock of the directory, as it says itself (runner/orchestrator/server/directory_lock.cpp).
enum class Holder { kNobody, kHere, kElsewhere };

bool is_ours(std::int64_t pid) {
  const auto name = read_text(fmt::format("/proc/{}/comm", pid), kLargestLock);
  return name && name->starts_with("parallelrun");
}

Holder holder_of(const nlohmann::json& lock) {
  const auto released = lock.find("released");
  if (!lock.is_object() || (released != lock.end() && *released == true)) return Holder::kNobody;
  if (text_at(lock, "host") != host_name()) return Holder::kElsewhere;
  return is_ours(number_at(lock, "pid").value_or(0)) ? Holder::kHere : Holder::kNobody;
}

bool is_fresh(const nlohmann::json& progress) {
  const auto updated = parse_rfc3339(text_at(progress, "updated"));
  return updated && std::chrono::system_clock::now() - *updated < kSilence;
}

RunState state_named(const std::string& word) {
  if (word == "Complete") return RunState::kComplete;
  return word == "Failed" ? RunState::kFailed : RunState::kInterrupted;
}

void take_end(const nlohmann::json& result, JobReport& report) {
  report.state = state_named(text_at(result, "state"));
  report.reason = text_at(result, "reason");
  report.message = text_at(result, "message");
  report.progress.update(result);
}

void take_state(Holder holder, const nlohmann::json& lock, const nlohmann::json& result, JobReport& report) {
  const bool ended_itself = lock.contains("released");
  if (holder == Holder::kHere) {
    report.state = RunState::kRunning;
  } else if (holder == Holder::kElsewhere) {
    const bool fresh = is_fresh(report.progress);
    report.state = fresh ? RunState::kRunning : RunState::kSilent;
    if (!fresh)
      report.message = fmt::format("it says that it runs on '{}', but has written nothing for a minute",
                                   presentable(text_at(lock, "host")));
  } else if (result.is_object() && ended_itself) {
    return take_end(result, report);
  } else {
    report.state = RunState::kInterrupted;
    report.message = "it was killed; start the same job again, and it goes on from what is committed";
  }
  // Of an earlier start.
  for (const char* old : {"state", "reason", "message", "firstError", "firstErrors"})
    report.progress.erase(old);
}

}  // namespace

const char* to_string(RunState state) {
  switch (state) {
    case RunState::kRunning:
      return "Running";
    case RunState::kSilent:
      return "Silent";
    case RunState::kComplete:
      return "Complete";
    case RunState::kFailed:
      return "Failed";
    case RunState::kInterrupted:
      break;
  }
  return "Interrupted";
}

Result<JobReport> report_of(const std::string& directory) {
  const std::string state = directory + "/.parallelrun/";
  const auto job = read_object(state + "job.json", kLargestState);
  if (!job) return job.error();
  if (job->is_null())
    return Error{
        ErrorCode::kNotFound,
        fmt::format("'{}' is no output directory of a job: it has no .parallelrun/job.json; give the "
                    "directory that the job's 'output' names",
                    presentable(directory))};
  const nlohmann::json lock = read_lock(state + "lock");
  const auto result = read_object(state + "result.json", kLargestState);
  if (!result) return result.error();
  const auto progress = read_object(directory + "/logs/sys/progress.json", kLargestState);
  if (!progress) return progress.error();

  JobReport report;
  report.directory = directory;
  report.name = text_at(*job, "name");
  report.output_file = text_at(*job, "outputFile");
  const std::string format = text_at(object_at(object_at(*job, "settings"), "output"), "format");
  report.format = format.empty() ? "text" : format;
  if (progress->is_object()) report.progress = *progress;
  take_state(holder_of(lock), lock, *result, report);
  return report;
}

nlohmann::json to_json(const JobReport& report) {
  nlohmann::json json = report.progress;
  json["name"] = report.name;
  json["state"] = to_string(report.state);
  json["reason"] = report.reason;
  json["message"] = report.message;
  json["directory"] = report.directory;
  json["outputFile"] = report.output_file;
  return json;
}

Found reports_below(const std::string& folder, int depth) {
  Found found;
  std::error_code error;
  if (fs::exists(folder + "/.parallelrun/job.json", error)) {
    auto report = report_of(folder);
    if (report) {
      found.reports.push_back(std::move(report).value());
    } else {
      found.unread.push_back(report.error().message);
    }
    return found;  // results of one job lie in no other one's
  }
  std::vector<std::string> folders;
  fs::directory_iterator entries(folder, error);
  if (error) found.unread.push_back(fmt::format("'{}': {}", presentable(folder), error.message()));
  for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
    std::error_code gone;
    const std::string name = entries->path().filename().string();
    if (name.starts_with('.') || entries->is_symlink(gone) || !entries->is_directory(gone)) continue;
    folders.push_back(folder == "." ? name : folder + (folder.ends_with('/') ? "" : "/") + name);
  }
  std::sort(folders.begin(), folders.end());
  for (const std::string& below : folders) {
    if (depth == 0) break;
    Found more = reports_below(below, depth - 1);
    std::move(more.reports.begin(), more.reports.end(), std::back_inserter(found.reports));
    std::move(more.unread.begin(), more.unread.end(), std::back_inserter(found.unread));
  }
  return found;
}

}  // namespace parallelrun::report
