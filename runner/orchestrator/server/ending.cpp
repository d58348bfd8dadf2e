#include "runner/orchestrator/server/ending.h"

#include <utility>

namespace parallelrun::orchestrator {
namespace {

bool holds(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

nlohmann::json event_of(const char* state, const char* reason, const std::string& message) {
  return {{"state", state}, {"reason", reason}, {"message", message}};
}

Ending given_up(const Error& error, const char* reason, int code) {
  if (error.code == ErrorCode::kAborted || error.code == ErrorCode::kNotFound) return gone(error);
  return {event_of("Failed", reason, error.message), code, error.message};
}

}  // namespace

Ending refused(const Error& error) {
  const bool full = error.code == ErrorCode::kNoSpace;
  return given_up(error, full ? "OutputFailed" : "Refused", full ? kExitFailed : kExitRefused);
}

Ending cannot_go_on(const Error& error) {
  if (error.code == ErrorCode::kConflict) return refused(error);
  return given_up(error, "OutputFailed", kExitFailed);
}

Ending gone(const Error& error) {
  // Another job has it: whoever started this one anew would take it back.
  if (error.code == ErrorCode::kConflict) return refused(error);
  const bool removed = error.code == ErrorCode::kNotFound;
  return {
      event_of(removed ? "Failed" : "Interrupted", removed ? "OutputRemoved" : "TakenOver", error.message),
      kExitFailed, error.message};
}

Ending output_failed(const Error& error, const Progress& progress) {
  if (error.code == ErrorCode::kConflict) return gone(error);
  const bool changed = error.code == ErrorCode::kCorrupt;
  std::string message = (changed ? "" : "the output cannot be written: ") + error.message;
  if (error.code == ErrorCode::kNoSpace && !holds(message, "free space")) message += "; free space";
  if (!changed && !holds(message, "start the same job")) {
    message += "; start the same job again, and it goes on from what is committed";
  }
  JobResult failed;
  failed.state = JobState::kFailed;
  failed.message = message;
  failed.progress = progress;
  Ending ending{to_json(failed), kExitFailed, message, Ending::LastWord{progress, std::nullopt, message}};
  ending.event["reason"] = "OutputFailed";
  return ending;
}

Ending decided(std::optional<JobResult> result, const Progress& progress) {
  if (!result) {
    result.emplace();
    result->state = JobState::kInterrupted;
    result->reason = JobReason::kStopped;
    result->message = "stopped at once; start the same job again, and it goes on from what is committed";
  }
  result->progress = progress;
  const int code = result->state == JobState::kComplete ? kExitComplete
                   : result->state == JobState::kFailed ? kExitFailed
                                                        : kExitInterrupted;
  nlohmann::json event = to_json(*result);
  return {std::move(event), code, {}, Ending::LastWord{progress, std::move(result), {}}};
}

Ending judged_again(const JobResult& result) {
  return {to_json(result), kExitFailed, result.message, Ending::LastWord{result.progress, result, {}}};
}

Ending reused(const JobResult& result, const std::string& from, const std::string& finished) {
  Ending ending{to_json(result), kExitComplete, {}, Ending::LastWord{result.progress, result, {}}};
  ending.event["reason"] = "Reused";
  ending.event["reusedFrom"] = from;
  ending.event["reusedFinished"] = finished;
  return ending;
}

Ending not_published(Ending ending, const Error& error) {
  if (error.code == ErrorCode::kAborted || error.code == ErrorCode::kConflict) return gone(error);
  const std::string message =
      "all committed results are safe, but the job cannot put its output files into the store: " +
      error.message + "; start the same job again to put them there";
  ending.event["state"] = "Failed";
  ending.event["reason"] = "OutputFailed";
  ending.event["message"] = message;
  ending.code = kExitFailed;
  ending.said = message;
  return ending;
}

Ending complete_before(const JobResult& result) {
  Ending ending{to_json(result), kExitComplete};
  ending.event["reason"] = "AlreadyComplete";
  return ending;
}

}  // namespace parallelrun::orchestrator
