// `parallelrun run`: starts orchestrator and agents of one job on this machine, restarts what is killed,
// shows the progress, and says at the end where everything is. On a cluster the operator does this.
#pragma once

#include <string>
#include <vector>

#include "common/json/json.h"
#include "runner/cli/terminal.h"
#include "runner/job/local_resolution.h"
#include "runner/job/resolved_job.h"

namespace parallelrun {

// Exit codes of the command line, documented in the README.
// 1 also where the job is complete, but standard output could not be written.
enum ExitCode : int { kExitComplete = 0, kExitFailed = 1, kExitInvalid = 2, kExitInterrupted = 130 };

struct LaunchOptions {
  ResolvedJob job;
  std::vector<StoreInUse> stores = {};  // what of it lies in stores
  std::string data_directory = {};      // where their objects become files
  std::string manifest;                 // where the job came from, for the driver log
  std::string program;                  // absolute path of the `parallelrun` that starts the children
  nlohmann::json submission = {};       // submission_of() the job
  std::string take_over = {};           // output directory of a job whose results are taken over; empty: none
  bool overwrite = false;
  bool retry_failed = false;
  std::string run_index = {};  // of the user's complete runs; empty: no results are reused
  bool explain_reuse = false;  // tell why none are
  DisplayMode display = DisplayMode::kLines;
};

// Blocks until the job has ended and every child is gone. Takes over SIGINT, SIGTERM and SIGHUP of the
// process and must be called on its main thread, before any other thread exists.
int launch(const LaunchOptions& options);

// The closing words for a person. `finished` is the orchestrator's last event. Pure.
std::string closing_summary(const nlohmann::json& finished, const ResolvedJob& job);

}  // namespace parallelrun
