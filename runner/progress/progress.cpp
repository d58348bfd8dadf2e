#include "runner/progress/progress.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "common/text/counted.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun {
namespace {

constexpr const char* kShortfallType = "Shortfall";

}  // namespace

Counts& Counts::operator+=(const Counts& other) {
  succeeded += other.succeeded;
  failed += other.failed;
  items_succeeded += other.items_succeeded;
  items_failed += other.items_failed;
  tries_failed += other.tries_failed;
  short_ones += other.short_ones;
  return *this;
}

nlohmann::json to_json(const Progress& progress) {
  return {
      {"miniBatchesCreated", progress.planned},
      {"planComplete", progress.plan_complete},
      {"miniBatchesProcessed", progress.counts.processed()},
      {"miniBatchesSucceeded", progress.counts.succeeded},
      {"miniBatchesFailed", progress.counts.failed},
      {"miniBatchesShort", progress.counts.short_ones},
      {"itemsTotal", progress.items_total},
      {"itemsSucceeded", progress.counts.items_succeeded},
      {"itemsFailed", progress.counts.items_failed},
      {"triesFailed", progress.counts.tries_failed},
      {"agents", progress.agents},
      {"processesReady", progress.processes_ready},
      {"miniBatchesLeased", progress.leased},
      {"miniBatchesWaiting", progress.waiting_retry},
      {"miniBatchSecondsTotal", std::floor(static_cast<double>(progress.run_us) / 1000.0) / 1000.0},
      {"lossesCharged", progress.losses_charged},
  };
}

const char* to_string(JobState state) {
  switch (state) {
    case JobState::kComplete:
      return "Complete";
    case JobState::kFailed:
      return "Failed";
    case JobState::kInterrupted:
      return "Interrupted";
  }
  return "";
}

const char* to_string(JobReason reason) {
  switch (reason) {
    case JobReason::kCompleted:
      return "Completed";
    case JobReason::kErrorThresholdExceeded:
      return "ErrorThresholdExceeded";
    case JobReason::kAllowedFailedCountExceeded:
      return "AllowedFailedCountExceeded";
    case JobReason::kAllowedFailedPercentExceeded:
      return "AllowedFailedPercentExceeded";
    case JobReason::kScriptFailed:
      return "ScriptFailed";
    case JobReason::kEmptyInput:
      return "EmptyInput";
    case JobReason::kNothingSucceeded:
      return "NothingSucceeded";
    case JobReason::kPlanFailed:
      return "PlanFailed";
    case JobReason::kTypeInferenceFailed:
      return "TypeInferenceFailed";
    case JobReason::kStopped:
      return "Stopped";
    case JobReason::kProgressUpdateTimeout:
      return "ProgressUpdateTimeout";
    case JobReason::kFirstTaskCreationTimeout:
      return "FirstTaskCreationTimeout";
  }
  return "";
}

std::string failed_in_words(const Counts& counts) {
  if (counts.items_failed == 0) return {};
  const std::uint64_t items = counts.items_succeeded + counts.items_failed;
  return fmt::format("{} of {} failed", counts.items_failed, counted(items, "item"));
}

std::string complete_in_words(const Counts& counts, std::uint64_t planned) {
  const std::string failed = failed_in_words(counts);
  return (failed.empty() ? "" : failed + "; ") +
         (planned == 1 ? "the only mini-batch is processed"
                       : fmt::format("all {} mini-batches are processed", planned));
}

std::string outcome(const JobResult& result) {
  const std::string failed =
      result.state == JobState::kComplete ? failed_in_words(result.progress.counts) : "";
  return to_string(result.state) + (failed.empty() ? "" : ", " + failed);
}

std::string one_line(const ScriptError& error, std::size_t limit) {
  std::string line = error.type;
  if (!error.message.empty()) line += (line.empty() ? "" : ": ") + error.message;
  return one_line(std::string_view(line), limit);
}

ScriptError shortfall_error(WorkId id, const std::string& input_name, std::uint64_t items,
                            std::uint64_t returned) {
  // A late result of an earlier epoch may come without its input.
  const std::string of_input = input_name.empty() ? "" : " of input '" + input_name + "'";
  return {ErrorPhase::kResult,
          kShortfallType,
          fmt::format("run() returned {} for {} (mini-batch {}{}); fewer elements than items "
                      "count as failed",
                      counted(returned, "element"), counted(items, "item"), to_string(id), of_input),
          {}};
}

bool is_shortfall(const ScriptError& error) {
  return error.phase == ErrorPhase::kResult && error.type == kShortfallType;
}

nlohmann::json to_json(const ScriptError& error) {
  return {{"phase", to_string(error.phase)},
          {"type", error.type},
          {"message", error.message},
          {"traceback", error.traceback}};
}

nlohmann::json to_json(const JobResult& result) {
  nlohmann::json json = to_json(result.progress);
  json["state"] = to_string(result.state);
  json["reason"] = to_string(result.reason);
  json["message"] = result.message;
  json["firstErrors"] = nlohmann::json::array();
  for (const ScriptError& error : result.first_errors) json["firstErrors"].push_back(to_json(error));
  if (!result.first_errors.empty()) json["firstError"] = one_line(result.first_errors.front());
  return json;
}

void FirstErrors::add(const ScriptError& error) {
  if (errors_.size() >= kFirstErrors) return;
  const bool known = std::any_of(errors_.begin(), errors_.end(), [&error](const ScriptError& other) {
    return (is_shortfall(other) && is_shortfall(error)) ||
           (other.type == error.type && other.message == error.message);
  });
  if (!known) errors_.push_back(error);
}

// Not std::ranges: clang 14, which the fuzz targets are built with, does not take libstdc++'s subrange.
void FirstErrors::shortfalls_last() {
  std::stable_partition(errors_.begin(), errors_.end(), std::not_fn(is_shortfall));
}

}  // namespace parallelrun
