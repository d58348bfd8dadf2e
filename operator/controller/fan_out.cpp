#include "operator/controller/fan_out.h"

#include <atomic>
#include <exception>
#include <utility>

namespace parallelrun::op {

struct FanOut::Group {
  explicit Group(std::vector<Task> all) : tasks(std::move(all)), unfinished(tasks.size()) {}
  std::vector<Task> tasks;
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::condition_variable finished;
  std::size_t unfinished;     // guarded by mutex
  std::exception_ptr thrown;  // the first; guarded by mutex
};

FanOut::FanOut(std::size_t threads) {
  for (std::size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
  }
}

FanOut::~FanOut() {
  for (auto& thread : threads_) thread.request_stop();
}

bool FanOut::run_one(Group& group) {
  const std::size_t index = group.next.fetch_add(1);
  if (index >= group.tasks.size()) return false;
  std::exception_ptr thrown;
  try {
    group.tasks[index]();
  } catch (...) {
    thrown = std::current_exception();
  }
  const std::lock_guard lock(group.mutex);
  if (thrown && !group.thrown) group.thrown = thrown;
  if (--group.unfinished == 0) group.finished.notify_all();
  return true;
}

void FanOut::run(std::vector<Task> tasks) {
  if (tasks.empty()) return;
  const auto group = std::make_shared<Group>(std::move(tasks));
  const std::size_t others = group->tasks.size() - 1;
  if (others > 0) {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < others; ++i) waiting_.push_back(group);
  }
  for (std::size_t i = 0; i < others; ++i) woken_.notify_one();
  while (run_one(*group)) {
  }
  std::unique_lock lock(group->mutex);
  group->finished.wait(lock, [&] { return group->unfinished == 0; });
  if (group->thrown) std::rethrow_exception(group->thrown);
}

void FanOut::work(const std::stop_token& stop) {
  while (true) {
    std::shared_ptr<Group> group;
    {
      std::unique_lock lock(mutex_);
      if (!woken_.wait(lock, stop, [&] { return !waiting_.empty(); })) return;
      group = std::move(waiting_.front());
      waiting_.pop_front();
    }
    (void)run_one(*group);
  }
}

}  // namespace parallelrun::op
