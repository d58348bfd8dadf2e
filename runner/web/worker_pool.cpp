#include "runner/web/worker_pool.h"

#include <utility>

namespace parallelrun::web {

WorkerPool::WorkerPool(std::size_t threads, std::size_t most_waiting) : most_waiting_(most_waiting) {
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

WorkerPool::~WorkerPool() {
  const std::lock_guard lock(mutex_);
  ending_ = true;
  waiting_.clear();
  bell_.notify_all();
}

bool WorkerPool::submit(std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  if (ending_ || waiting_.size() >= most_waiting_) return false;
  waiting_.push_back(std::move(task));
  bell_.notify_one();
  return true;
}

void WorkerPool::work() {
  while (true) {
    std::function<void()> task;
    {
      std::unique_lock lock(mutex_);
      bell_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
      if (ending_) return;
      task = std::move(waiting_.front());
      waiting_.pop_front();
    }
    task();
  }
}

}  // namespace parallelrun::web
