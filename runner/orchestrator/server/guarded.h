// Data and its mutex as one type: what is guarded cannot be reached without the lock.
#pragma once

#include <condition_variable>
#include <mutex>
#include <utility>

namespace parallelrun::orchestrator {

template <typename T>
class Guarded {
 public:
  Guarded() = default;
  explicit Guarded(T value) : value_(std::move(value)) {}

  // Calls use(value) under the lock and wakes whoever waits. `use` must not block.
  template <typename Use>
  decltype(auto) change(Use&& use) {
    struct Wake {
      std::condition_variable& waiting;
      ~Wake() { waiting.notify_all(); }
    } wake{changed_};
    const std::lock_guard lock(mutex_);
    return std::forward<Use>(use)(value_);
  }

  // Calls look(value) under the lock, without waking anybody.
  template <typename Look>
  decltype(auto) read(Look&& look) const {
    const std::lock_guard lock(mutex_);
    return std::forward<Look>(look)(value_);
  }

  // Waits until holds(value), then gives use(value), both under the lock.
  template <typename Holds, typename Use>
  decltype(auto) when(Holds&& holds, Use&& use) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return holds(value_); });
    return std::forward<Use>(use)(value_);
  }

  // The same, but no longer than until `deadline`.
  template <typename Deadline, typename Holds, typename Use>
  decltype(auto) when_or_at(Deadline deadline, Holds&& holds, Use&& use) {
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, deadline, [&] { return holds(value_); });
    return std::forward<Use>(use)(value_);
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  T value_{};
};

}  // namespace parallelrun::orchestrator
