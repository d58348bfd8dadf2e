#include "common/kube/work_queue.h"

#include <algorithm>

namespace parallelrun::kube {

void WorkQueue::add(const std::string& key, Time now) {
  if (!dirty_.emplace(key, now).second) return;
  if (!processing_.contains(key)) queue_.emplace_back(key, now);
}

void WorkQueue::add_at(const std::string& key, Time at) {
  const auto [entry, fresh] = delayed_.emplace(key, at);
  if (!fresh) {
    if (entry->second <= at) return;
    delayed_by_time_.erase({entry->second, key});
    entry->second = at;
  }
  delayed_by_time_.emplace(at, key);
}

Time WorkQueue::add_after_failure(const std::string& key, Time now, Duration at_least) {
  std::size_t& count = failures_[key];
  Duration backoff = options_.first_backoff;
  for (std::size_t i = 0; i < count && backoff < options_.longest_backoff; ++i) backoff *= 2;
  ++count;
  const Time at = now + std::max(std::min(backoff, options_.longest_backoff), at_least);
  add_at(key, at);
  return at;
}

void WorkQueue::move_due(Time now) {
  while (!delayed_by_time_.empty() && delayed_by_time_.begin()->first <= now) {
    const auto [at, key] = *delayed_by_time_.begin();
    delayed_by_time_.erase(delayed_by_time_.begin());
    delayed_.erase(key);
    add(key, at);
  }
}

std::optional<WorkQueue::Item> WorkQueue::take(Time now) {
  move_due(now);
  if (queue_.empty()) return std::nullopt;
  auto [key, since] = std::move(queue_.front());
  queue_.pop_front();
  dirty_.erase(key);
  processing_.insert(key);
  return Item{std::move(key), now - since};
}

void WorkQueue::done(const std::string& key, Time now) {
  processing_.erase(key);
  if (dirty_.contains(key)) queue_.emplace_back(key, now);
}

std::optional<Time> WorkQueue::next_due() const {
  std::optional<Time> due;
  if (!queue_.empty()) due = queue_.front().second;
  if (!delayed_by_time_.empty()) {
    const Time at = delayed_by_time_.begin()->first;
    if (!due || at < *due) due = at;
  }
  return due;
}

std::size_t WorkQueue::failures(const std::string& key) const {
  const auto found = failures_.find(key);
  return found == failures_.end() ? 0 : found->second;
}

}  // namespace parallelrun::kube
