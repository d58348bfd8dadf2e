// Runs the independent requests of one step side by side, on a few threads that all jobs share.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace parallelrun::op {

class FanOut {
 public:
  using Task = std::function<void()>;

  explicit FanOut(std::size_t threads);
  // Waits for what runs. No `run` may be under way.
  ~FanOut();
  FanOut(const FanOut&) = delete;
  FanOut& operator=(const FanOut&) = delete;

  // Returns when all have run. The caller runs what no thread has begun, so a busy pool delays nobody. What a
  // task throws is thrown here, the first of them. Thread-safe.
  void run(std::vector<Task> tasks);

 private:
  struct Group;
  static bool run_one(Group& group);
  void work(const std::stop_token& stop);

  std::mutex mutex_;
  std::condition_variable_any woken_;
  std::deque<std::shared_ptr<Group>> waiting_;
  std::vector<std::jthread> threads_;
};

}  // namespace parallelrun::op
