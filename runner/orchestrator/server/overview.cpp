#include "runner/orchestrator/server/overview.h"

#include <cmath>
#include <utility>

#include "common/json/members.h"
#include "common/text/counted.h"
#include "common/text/presentable.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun::orchestrator {
namespace {

constexpr std::size_t kMostWarnings = 20;

std::string duration(std::chrono::seconds time) {
  const auto s = time.count();
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{} min {:02} s", s / 60, s % 60);
  return fmt::format("{} h {:02} min", s / 3600, s / 60 % 60);
}

std::string where_to_look(const JobResult& result) {
  switch (result.reason) {
    case JobReason::kScriptFailed:
      return "logs/user/error.txt, then logs/user/stderr/ for what the script printed";
    case JobReason::kEmptyInput:
    case JobReason::kPlanFailed:
      return "the input's directory and glob; logs/sys/master_role.txt";
    case JobReason::kTypeInferenceFailed:
      return "the input's files and the declared columns; logs/user/error.txt";
    case JobReason::kFirstTaskCreationTimeout:
      return "the input's directory (check whether it answers); logs/sys/master_role.txt";
    case JobReason::kProgressUpdateTimeout:
      return "logs/sys/master_role.txt, then logs/user/stderr/ for what the script printed";
    case JobReason::kStopped:
      return "nothing failed; start the same job again, and it goes on from what is committed";
    case JobReason::kCompleted:
      return "logs/user/error.txt";
    case JobReason::kErrorThresholdExceeded:
    case JobReason::kAllowedFailedCountExceeded:
    case JobReason::kAllowedFailedPercentExceeded:
    case JobReason::kNothingSucceeded:
      break;
  }
  return "logs/user/error.txt, then failed_items.jsonl for the items";
}

}  // namespace

std::optional<std::chrono::seconds> time_left(const Progress& progress, std::uint64_t processed_before,
                                              std::chrono::milliseconds elapsed) {
  const std::uint64_t processed = progress.counts.processed();
  if (!progress.plan_complete || processed <= processed_before || elapsed.count() <= 0) return std::nullopt;
  if (processed >= progress.planned) return std::chrono::seconds(0);
  const double per_millisecond =
      static_cast<double>(processed - processed_before) / static_cast<double>(elapsed.count());
  const double left = static_cast<double>(progress.planned - processed) / per_millisecond / 1000.0;
  return std::chrono::seconds(std::llround(left));
}

void Overview::add_warning(std::string line) {
  if (warnings_.size() < kMostWarnings) {
    warnings_.push_back(std::move(line));
  } else {
    ++more_warnings_;
  }
}

std::vector<std::string> Overview::warnings() const {
  std::vector<std::string> all = warnings_;
  if (more_warnings_ > 0) all.push_back(fmt::format("logs/sys/master_role.txt has {} more", more_warnings_));
  for (std::size_t i = 0; i < troubles_.size() && i < kMostWarnings; ++i) all.push_back(troubles_[i]);
  return all;
}

nlohmann::json Overview::json(const std::string& now, std::chrono::milliseconds elapsed,
                              const Progress& progress, const std::optional<JobResult>& result) const {
  nlohmann::json json = result ? to_json(*result) : to_json(progress);
  json["job"] = job_name_;
  json["started"] = started_;
  json["updated"] = now;
  json["elapsedSeconds"] = static_cast<double>(elapsed.count()) / 1000.0;
  json["processedBefore"] = processed_before_;
  json["warnings"] = warnings();
  if (!datasets_.empty()) json["datasets"] = datasets_;
  if (!taken_over_.is_null()) json["takenOver"] = taken_over_;
  if (const auto left = time_left(progress, processed_before_, elapsed); left && !result)
    json["timeLeftSeconds"] = left->count();
  return json;
}

std::string Overview::text(const std::string& now, std::chrono::milliseconds elapsed,
                           const Progress& progress, const std::optional<JobResult>& result) const {
  const Counts& counts = progress.counts;
  std::string out;
  if (result) {
    out += fmt::format("Result: {} ({})\n", outcome(*result), to_string(result->reason));
    if (!result->message.empty()) out += result->message + "\n";
    if (!result->first_errors.empty()) out += "First error: " + one_line(result->first_errors.front()) + "\n";
    if (result->state != JobState::kComplete || counts.items_failed > 0) {
      out += "Where to look next: " + where_to_look(*result) + "\n";
    }
    out += "\n";
  }
  for (const std::string& warning : warnings()) out += "Warning: " + warning + "\n\n";
  out += fmt::format("Job: {}\nStarted: {}\nUpdated: {}\n", job_name_, started_, now);
  for (const auto& [holder, dataset] : datasets_.items()) {
    out += fmt::format("Dataset of {}: {}, version {}\n", holder, text_at(dataset, "name"),
                       number_at(dataset, "version").value_or(0));
  }
  out += "\n";
  const bool listing = !progress.plan_complete && !result;
  out += fmt::format("Mini-batches created:   {}{}\n", progress.planned,
                     listing ? " so far (the input is still being listed)" : "");
  out += fmt::format("Mini-batches processed: {}\n", counts.processed());
  out += fmt::format("  succeeded:            {}\n  failed:               {}\n", counts.succeeded,
                     counts.failed);
  out += fmt::format("Items succeeded:        {}\nItems failed:           {}\n", counts.items_succeeded,
                     counts.items_failed);
  out += fmt::format("Failed tries:           {}\n", counts.tries_failed);
  if (!taken_over_.is_null()) {
    out += fmt::format("Taken over:             {} ({}) of '{}'\n",
                       counted(count_at(taken_over_, "miniBatches"), "mini-batch"),
                       counted(count_at(taken_over_, "items"), "item"),
                       presentable(text_at(taken_over_, "from")));
    const auto again = taken_over_.find("again");
    if (again != taken_over_.end() && again->is_array()) {
      for (const nlohmann::json& why : *again)
        if (why.is_string()) out += "  not taken over:       " + presentable(why.get<std::string>()) + "\n";
    }
  }
  if (processed_before_ > 0) out += fmt::format("Processed before this start: {}\n", processed_before_);
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(elapsed);
  if (result) {
    out += fmt::format("Time: {}\n", duration(seconds));
    return out;
  }
  out += fmt::format("Agents: {}, processes ready: {}\n", progress.agents, progress.processes_ready);
  const auto left = time_left(progress, processed_before_, elapsed);
  out += fmt::format("Running for: {}, estimated time left: {}\n", duration(seconds),
                     left ? duration(*left) : std::string("not known yet"));
  return out;
}

}  // namespace parallelrun::orchestrator
