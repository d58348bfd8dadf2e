// The event stream for the launcher: one JSON object a line on a file descriptor. One thread.
//
//   {"event":"ready", "endpoint":"unix:/...", "takenOver":false}
//                                                   true: a predecessor had not given the files up
//   {"event":"progress", <members of Progress>}     at most every 100 ms, when it changed
//   {"event":"agentCame", "agent":"worker-0", "node":"10.0.0.7", "slots":2}
//   {"event":"agentGone", "agent":"worker-0", "node":"10.0.0.7", "why":"left", "leasesFreed":0}
//   {"event":"error", "agent":"worker-0", "process":"process000", "phase":"run",
//    "error":"ValueError: bad digit", "last":false, and of a try "miniBatch":7, "tries":1, "final":false}
//                                                   the first ones; "last": no more follow
//   {"event":"finished", <members of JobResult>, "durationSeconds":1.5, "outputDirectory":"/...",
//    "output":"/...", "failedItems":"/...", "logs":"/..."}
//   {"event":"warning", "message":"..."}
// Finished events have "metrics" where scripts logged some: see metrics.h.
// Progress and finished events have "leftOut" where a listing left something out or a table gave no record:
//   [{"input":"images", "kind":"brokenLink", "count":2, "first":"a/b.png"}]  kinds: runner/plan/passed_over.h
// Of a resubmission both have "takenOver": {"from", "miniBatches", "items", "left", "leftItems"}; "again",
// the reasons, is in finished events, and where nothing was taken over. Progress events have
// "startFailure":"worker-0: ..." while no process is ready, where one could not be started.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "common/json/json.h"
#include "runner/plan/passed_over.h"
#include "runner/progress/progress.h"

namespace parallelrun::orchestrator {

class ProgressStream {
 public:
  // `fd` is not closed; negative: nothing is written. A reader that went away ends the stream silently.
  explicit ProgressStream(int fd) : fd_(fd) {}

  void ready(const std::string& endpoint, bool taken_over);
  // Left out while the reader does not keep up: the next one says more.
  void progress(const Progress& progress, std::chrono::steady_clock::time_point now);
  // A member of "leftOut" from now on, in the place of an earlier one of the same input and kind.
  void left_out(const std::string& input, const PassedOver& passed);
  // Of progress events from now on; as to_json(TakenOver).
  void set_taken_over(nlohmann::json taken);
  // Why an agent has no process that is ready: a member of progress events until one is.
  void start_failure(std::string words);
  // An event of its own kind; left out while the reader does not keep up.
  void tell(const nlohmann::json& event);
  // Waits up to 5 s for a slow reader.
  void finished(nlohmann::json event);

 private:
  void write_line(const nlohmann::json& event, std::chrono::milliseconds patience);

  int fd_;
  std::optional<Progress> last_;
  nlohmann::json left_out_ = nlohmann::json::array();
  nlohmann::json taken_over_;
  std::string start_failure_;
  std::chrono::steady_clock::time_point told_{};
};

}  // namespace parallelrun::orchestrator
