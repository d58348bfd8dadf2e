#include "runner/pod/status_writer.h"

#include <algorithm>
#include <utility>

#include "common/pod/job_progress.h"
#include "common/time/rfc3339.h"

namespace parallelrun {
namespace {

constexpr std::chrono::seconds kFirstPause{1};
constexpr std::chrono::seconds kLongestPause{30};
constexpr std::chrono::milliseconds kHurriedPause{500};

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

bool StatusWriter::flush(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  hurry_ = true;
  changed_.notify_all();
  return changed_.wait_for(lock, patience, [this] { return !next_ && !writing_; });
}

void StatusWriter::await_turn(std::unique_lock<std::mutex>& lock, const std::stop_token& stop) {
  const auto due = std::max(pace_.due(Clock::now()), Clock::now() + pause_);
  changed_.wait_until(lock, stop, due, [this] { return hurry_; });
  // A hurry has no pace, but it leaves the API server time to come back.
  changed_.wait_until(lock, stop, hurried_from_, [] { return false; });
}

void StatusWriter::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    changed_.wait(lock, stop, [this] { return next_.has_value(); });
    if (stop.stop_requested()) return;
    await_turn(lock, stop);
    if (stop.stop_requested()) return;
    const nlohmann::json event = std::move(*next_);
    next_.reset();
    writing_ = true;
    lock.unlock();
    const Outcome outcome = write(event, stop);
    lock.lock();
    writing_ = false;
    // What was refused is tried again, since a right may be granted later; but nobody is kept waiting for it.
    if (outcome == Outcome::kLater || (outcome == Outcome::kRefused && !hurry_)) {
      if (!next_) next_ = event;
    }
    changed_.notify_all();
  }
}

StatusWriter::Outcome StatusWriter::write(const nlohmann::json& event, const std::stop_token& stop) {
  const auto written = apply_(pod::progress_status(event, now_text()), stop);
  pace_.written(Clock::now());
  if (written.ok()) {
    if (!trouble_.empty()) told_("status.progress is written again");
    trouble_.clear();
    pause_ = std::chrono::seconds(0);
    return Outcome::kWritten;
  }
  const kube::ApiError& error = written.error();
  hurried_from_ = Clock::now() + std::max<Clock::duration>(
                                     kHurriedPause, error.retry_after.value_or(std::chrono::seconds(0)));
  if (error.failure == kube::ApiFailure::kStopped) return Outcome::kLater;
  if (trouble_.empty()) {
    told_("warning: status.progress cannot be written; the job goes on without it: " + error.message);
  }
  trouble_ = error.message;
  pause_ = std::clamp(pause_ * 2, kFirstPause, kLongestPause);
  if (error.retry_after) pause_ = std::max(pause_, *error.retry_after);
  return error.transient() ? Outcome::kLater : Outcome::kRefused;
}

}  // namespace parallelrun
