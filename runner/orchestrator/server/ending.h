// How one start of the orchestrator ends: what the finished event says of it, and the exit code. Pure.
#pragma once

#include <optional>
#include <string>

#include "common/json/json.h"
#include "common/result/result.h"
#include "runner/progress/progress.h"

namespace parallelrun::orchestrator {

enum ExitCode : int { kExitComplete = 0, kExitFailed = 1, kExitRefused = 2, kExitInterrupted = 130 };

struct Ending {
  nlohmann::json event;  // members of the finished event: state, reason, message, and counts where there are
  int code = kExitFailed;
  // For standard error, where nobody reads the event; empty: the event is enough.
  std::string said = {};
  // For logs/, which get the last word; nothing: they are not ours any more, or not there yet.
  struct LastWord {
    Progress progress;
    std::optional<JobResult> result;  // what the job came to; nothing: it did not come to its end
    std::string alert;                // goes before; empty: none
  };
  std::optional<LastWord> last_word = {};
};

// The start may not be: a job that breaks a rule, somebody else's directory, a complete job. Nothing was
// touched, or nothing more than a directory made.
Ending refused(const Error& error);
// What is stored cannot be gone on with.
Ending cannot_go_on(const Error& error);
// The files are a successor's now, or removed.
Ending gone(const Error& error);
// A write has failed while the job ran.
Ending output_failed(const Error& error, const Progress& progress);
// The core's verdict; nothing: it was stopped before there was a durable one.
Ending decided(std::optional<JobResult> result, const Progress& progress);
// The verdict of today's thresholds on an earlier run's results.
Ending judged_again(const JobResult& result);
// The results of another run stand for this one's.
Ending reused(const JobResult& result, const std::string& from, const std::string& finished);
// There was nothing to do.
Ending complete_before(const JobResult& result);
// In the place of `ending`, where its files could not be put into the store that holds the output.
Ending not_published(Ending ending, const Error& error);

}  // namespace parallelrun::orchestrator
