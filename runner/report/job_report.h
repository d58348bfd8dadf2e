// What an output directory says of its job: how far it is, or how it ended. Reads only and takes no lock, so
// it never disturbs a job at work. One machine or a mounted volume of a cluster.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "common/result/result.h"

namespace parallelrun::report {

enum class RunState {
  kRunning,
  kSilent,    // says that it runs on another machine, but has written nothing for a minute
  kComplete,  // these three: as result.json has it
  kFailed,
  kInterrupted,  // also: it was killed before it could say how it ended
};
// "Running", "Silent", "Complete", "Failed", "Interrupted".
const char* to_string(RunState state);

// Whether it may still change by itself.
// It is over, well or not: what was killed may go on.
inline bool has_ended(RunState state) { return state == RunState::kComplete || state == RunState::kFailed; }
inline bool at_work(RunState state) { return state == RunState::kRunning || state == RunState::kSilent; }

struct JobReport {
  std::string directory;  // of the output, as it was asked for
  std::string name;       // metadata.name
  RunState state = RunState::kInterrupted;
  std::string reason;   // "Completed", "ErrorThresholdExceeded"; empty while it runs
  std::string message;  // a sentence for the user
  // The members of progress events (runner/progress/progress.h), and of logs/sys/progress.json; an empty
  // object where the job has written none yet.
  nlohmann::json progress = nlohmann::json::object();
  std::string output_file;  // [append_row_file_name], below `directory`; empty with summary_only
  std::string format;       // of the rows: output.format
};

// Errors: kNotFound (no output directory of a job; the message says what was looked for), kCorrupt,
// those of read_error().
Result<JobReport> report_of(const std::string& directory);

// {"name", "state", "reason", "message", "directory", "outputFile", and the members of `progress`}
nlohmann::json to_json(const JobReport& report);

struct Found {
  std::vector<JobReport> reports;   // by directory
  std::vector<std::string> unread;  // folders that could not be read, with the reason
};
// All output directories in `folder` and at most `depth` folders below it, itself included. Folders that
// begin with a dot are left out; so are links.
Found reports_below(const std::string& folder, int depth);

}  // namespace parallelrun::report
