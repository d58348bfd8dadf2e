#include "runner/pod/status_writer.h"

#include <algorithm>
#include <utility>

#include "common/time/rfc3339.h"

namespace parallelrun {
namespace {

constexpr std::chrono::seconds kFirstPause{1};
constexpr std::chrono::seconds kLongestPause{30};

std::string now_text() {
  // Whole seconds, as metav1.Time has them.
  return rfc3339_seconds(std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));
}

}  // namespace

StatusWriter::StatusWriter(Apply apply, Told told)
    : apply_(std::move(apply)),
      told_(std::move(told)),
      pace_(Clock::now()),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

StatusWriter::~StatusWriter() {
  thread_.request_stop();
  changed_.notify_all();
}

void StatusWriter::set(nlohmann::json event) {
  const std::lock_guard lock(mutex_);
  next_ = std::move(event);
  changed_.notify_all();
}

void StatusWriter::flush(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  hurry_ = true;
  changed_.notify_all();
  changed_.wait_for(lock, patience, [this] { return !next_ && !writing_; });
}

void StatusWriter::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    changed_.wait(lock, stop, [this] { return next_.has_value(); });
    if (stop.stop_requested()) return;
    const auto due = std::max(pace_.due(Clock::now()), Clock::now() + pause_);
    changed_.wait_until(lock, stop, due, [this] { return hurry_; });
    if (stop.stop_requested()) return;
    const nlohmann::json event = std::move(*next_);
    next_.reset();
    writing_ = true;
    lock.unlock();
    const bool done = write(event, stop);
    lock.lock();
    writing_ = false;
    if (!done && !next_) next_ = event;
    // A hurry is for one try: after a failure the pause counts again.
    if (!done) hurry_ = false;
    changed_.notify_all();
  }
}

bool StatusWriter::write(const nlohmann::json& event, const std::stop_token& stop) {
  const auto written = apply_(progress_status(event, now_text()), stop);
  pace_.written(Clock::now());
  if (written.ok()) {
    if (!trouble_.empty()) told_("status.progress is written again");
    trouble_.clear();
    pause_ = std::chrono::seconds(0);
    return true;
  }
  const kube::ApiError& error = written.error();
  if (error.failure == kube::ApiFailure::kStopped) return false;
  if (trouble_.empty()) {
    told_("warning: status.progress cannot be written, which the job does not wait for: " + error.message);
  }
  trouble_ = error.message;
  pause_ = std::clamp(pause_ * 2, kFirstPause, kLongestPause);
  if (error.retry_after) pause_ = std::max(pause_, *error.retry_after);
  return false;
}

}  // namespace parallelrun
