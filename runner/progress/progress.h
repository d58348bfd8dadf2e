// How far a job is, and how it ended: plain structs and their JSON, as the progress events, result.json and
// (on a cluster) status.progress carry them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "runner/plan/work_id.h"
#include "runner/progress/one_line.h"
#include "runner/progress/script_error.h"

namespace parallelrun {

// What is done, over all runs of the job.
struct Counts {
  std::uint64_t succeeded = 0;  // mini-batches
  std::uint64_t failed = 0;     // mini-batches whose tries all failed
  std::uint64_t items_succeeded = 0;
  std::uint64_t items_failed = 0;  // of failed mini-batches, and shortfalls of succeeded ones
  std::uint64_t tries_failed = 0;  // charged ones
  std::uint64_t short_ones = 0;    // of `succeeded`, mini-batches with a shortfall

  std::uint64_t processed() const { return succeeded + failed; }
  Counts& operator+=(const Counts& other);
  bool operator==(const Counts&) const = default;
};

struct Progress {
  Counts counts;                  // durable
  std::uint64_t planned = 0;      // mini-batches created so far
  std::uint64_t items_total = 0;  // of those
  bool plan_complete = false;     // `planned` is final
  std::uint32_t agents = 0;       // sessions now
  std::uint32_t processes_ready = 0;
  std::uint64_t leased = 0;  // mini-batches in the hands of agents
  std::uint64_t waiting_retry = 0;
  std::uint64_t run_us = 0;          // inside run(), all results that this process received
  std::uint64_t losses_charged = 0;  // agents that a mini-batch took down and paid for with a try, so that no
                                     // budget for losses needs to

  bool operator==(const Progress&) const = default;
};

// miniBatchesCreated, planComplete, miniBatchesProcessed, miniBatchesSucceeded, miniBatchesFailed,
// miniBatchesShort, itemsTotal, itemsSucceeded, itemsFailed, triesFailed, agents, processesReady,
// miniBatchesLeased, miniBatchesWaiting, miniBatchSecondsTotal, lossesCharged.
nlohmann::json to_json(const Progress& progress);

enum class JobState : std::uint8_t {
  kComplete = 0,
  kFailed = 1,       // final for this run; the same job started again tries what failed
  kInterrupted = 2,  // stopped from outside; the same job started again goes on
};
// "Complete", "Failed", "Interrupted".
const char* to_string(JobState state);

// Why a job ended. The names (without k) are the `reason` in result.json and the terminal.
enum class JobReason : std::uint8_t {
  kCompleted = 0,
  kErrorThresholdExceeded = 1,  // [error_threshold]
  kAllowedFailedCountExceeded = 2,
  kAllowedFailedPercentExceeded = 3,
  kScriptFailed = 4,  // does not load, or init() failed in every slot
  kEmptyInput = 5,
  kNothingSucceeded = 6,
  kPlanFailed = 7,  // an input cannot be listed or cut
  kTypeInferenceFailed = 8,
  kStopped = 9,
  kProgressUpdateTimeout = 10,     // [progress_update_timeout]
  kFirstTaskCreationTimeout = 11,  // [first_task_creation_timeout]
};
const char* to_string(JobReason reason);

struct JobResult {
  JobState state = JobState::kComplete;
  JobReason reason = JobReason::kCompleted;
  std::string message;  // a sentence for the user, with the count and threshold where one was exceeded
  std::vector<ScriptError> first_errors;  // unlike ones, in the order they came, at most kFirstErrors; where
                                          // failed mini-batches ended the job, what failed one comes first
  Progress progress;                      // at the end
};

// "180 of 600 items failed"; empty where none has.
std::string failed_in_words(const Counts& counts);
// The message of a complete job: "all 60 mini-batches are processed", after what failed.
std::string complete_in_words(const Counts& counts, std::uint64_t planned);
// How it ended, in a few words: "Complete", "Complete, 180 of 600 items failed", "Failed".
std::string outcome(const JobResult& result);

// state, reason, message, firstError ("ValueError: bad digit", absent without one), firstErrors
// [{phase, type, message, traceback}], and the members of Progress.
nlohmann::json to_json(const JobResult& result);

// "ValueError: bad digit", as the other one_line().
std::string one_line(const ScriptError& error, std::size_t limit = kLongestLine);
nlohmann::json to_json(const ScriptError& error);

// run() returned fewer elements than its mini-batch has items. Not a failed try: nothing was raised.
ScriptError shortfall_error(WorkId id, const std::string& input_name, std::uint64_t items,
                            std::uint64_t returned);
bool is_shortfall(const ScriptError& error);

// The first unlike errors of a job, for its closing message: by type and message, all shortfalls alike.
// Bounded.
class FirstErrors {
 public:
  static constexpr std::size_t kFirstErrors = 5;
  void add(const ScriptError& error);
  // A shortfall is one of failed items and fails no mini-batch.
  void shortfalls_last();
  const std::vector<ScriptError>& list() const { return errors_; }

 private:
  std::vector<ScriptError> errors_;
};

}  // namespace parallelrun
