#include "operator/controller/reconcile_loop.h"

#include <algorithm>
#include <utility>

#include "operator/controller/clock.h"

namespace parallelrun::op {
ReconcileLoop::ReconcileLoop(kube::WorkQueue::Options options, Reconcile reconcile, Observer& observer)
    : reconcile_(std::move(reconcile)), observer_(observer), queue_(options) {}

ReconcileLoop::~ReconcileLoop() { stop(); }

void ReconcileLoop::start(std::size_t threads) {
  for (std::size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
  }
}

void ReconcileLoop::pause(bool paused) {
  {
    const std::lock_guard lock(mutex_);
    paused_ = paused;
  }
  changed_.notify_all();
}

void ReconcileLoop::stop() {
  for (auto& thread : threads_) thread.request_stop();
}

void ReconcileLoop::add(const std::string& key) {
  {
    const std::lock_guard lock(mutex_);
    queue_.add(key, now());
  }
  observer_.key_added();
  changed_.notify_one();
}

void ReconcileLoop::add_at(const std::string& key, kube::Time at) {
  bool earlier = false;
  {
    const std::lock_guard lock(mutex_);
    const auto due = queue_.next_due();
    queue_.add_at(key, at);
    earlier = !due || at < *due;
  }
  observer_.key_added();
  // Whoever waits for the next key that is due has to wait for an earlier one now.
  if (earlier) changed_.notify_one();
}

std::optional<kube::WorkQueue::Item> ReconcileLoop::take(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    if (!changed_.wait(lock, stop, [&] { return !paused_; })) break;
    const auto time = now();
    if (auto item = queue_.take(time)) {
      active_.emplace(item->key, time);
      // One notification may have stood for several keys that are due.
      if (queue_.next_due()) changed_.notify_one();
      return item;
    }
    const auto due = queue_.next_due();
    const auto awaited = [&] {
      const auto next = queue_.next_due();
      return paused_ || (next && (!due || *next < *due));
    };
    if (due) {
      changed_.wait_until(lock, stop, *due, awaited);
    } else {
      changed_.wait(lock, stop, awaited);
    }
  }
  return std::nullopt;
}

void ReconcileLoop::work(const std::stop_token& stop) {
  while (const auto item = take(stop)) {
    observer_.key_taken(item->waited);
    const auto began = now();
    const Outcome outcome = reconcile_(item->key);
    finish(item->key, outcome, now() - began);
  }
}

void ReconcileLoop::finish(const std::string& key, const Outcome& outcome, kube::Duration took) {
  {
    const std::lock_guard lock(mutex_);
    const auto time = now();
    active_.erase(key);
    queue_.done(key, time);
    if (outcome.failed) {
      queue_.add_after_failure(key, time, outcome.at_least);
    } else {
      queue_.forget(key);
    }
    if (outcome.again_at) queue_.add_at(key, *outcome.again_at);
  }
  changed_.notify_one();
  observer_.key_done(took);
  if (outcome.failed) observer_.key_retried();
  observer_.reconciled(outcome.failed     ? ReconcileOutcome::kError
                       : outcome.again_at ? ReconcileOutcome::kRequeueAfter
                                          : ReconcileOutcome::kSuccess,
                       took);
}

ReconcileLoop::State ReconcileLoop::state() const {
  const std::lock_guard lock(mutex_);
  const auto time = now();
  State state{queue_.depth(), active_.size(), {}, {}};
  for (const auto& [key, since] : active_) {
    state.longest = std::max<kube::Duration>(state.longest, time - since);
    state.unfinished += time - since;
  }
  return state;
}

}  // namespace parallelrun::op
