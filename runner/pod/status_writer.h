// Brings progress to `status.progress` of the job, whatever the API server does: on a thread of its own,
// which nobody waits for. Only the newest progress is kept.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "common/json/json.h"
#include "common/kube/api_error.h"
#include "runner/pod/progress_pace.h"

namespace parallelrun {

class StatusWriter {
 public:
  // Writes one `status.progress`; blocks. kStopped: not now, without anybody being told.
  using Apply =
      std::function<kube::ApiResult<nlohmann::json>(const nlohmann::json& progress, const std::stop_token&)>;
  // Told once of trouble and once when it is over, on the writer's thread.
  using Told = std::function<void(const std::string& line)>;

  StatusWriter(Apply apply, Told told);
  // Gives up what is not written yet.
  ~StatusWriter();
  StatusWriter(const StatusWriter&) = delete;
  StatusWriter& operator=(const StatusWriter&) = delete;

  // Takes the place of what was not written yet. Any thread; never blocks for long.
  void set(nlohmann::json event);
  // For the last progress: waits until it is written, the API server refuses it, or `patience` is over, which
  // is false. From now on nothing is paced, and what fails is tried again soon.
  bool flush(std::chrono::milliseconds patience);

 private:
  using Clock = std::chrono::steady_clock;
  void run(const std::stop_token& stop);
  enum class Outcome {
    kWritten,
    kLater,    // trouble that passes
    kRefused,  // the same again is refused again, unless something else changes
  };
  void await_turn(std::unique_lock<std::mutex>& lock, const std::stop_token& stop);
  Outcome write(const nlohmann::json& event, const std::stop_token& stop);

  const Apply apply_;
  const Told told_;
  ProgressPace pace_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::optional<nlohmann::json> next_;  // guarded by mutex_, as the two below
  bool writing_ = false;
  bool hurry_ = false;
  std::string trouble_;  // of the writer's thread, as the two below
  std::chrono::seconds pause_{0};
  Clock::time_point hurried_from_;  // after a failure: not sooner, however great the hurry
  std::jthread thread_;
};

}  // namespace parallelrun
