#include "runner/web/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <optional>

namespace parallelrun::web {
namespace {

TEST(WorkerPool, RunsTasksAndRefusesMoreThanMayWait) {
  std::promise<void> go;
  const auto gate = go.get_future().share();
  std::promise<void> begun;
  std::atomic<int> done = 0;
  std::optional<WorkerPool> pool(std::in_place, 1, 2);
  ASSERT_TRUE(pool->submit([&] {
    begun.set_value();
    gate.wait();
    ++done;
  }));
  begun.get_future().wait();
  EXPECT_TRUE(pool->submit([&] { ++done; }));
  std::promise<void> last;
  EXPECT_TRUE(pool->submit([&] {
    ++done;
    last.set_value();
  }));
  EXPECT_FALSE(pool->submit([&] { ++done; }));
  go.set_value();
  last.get_future().wait();
  pool.reset();
  EXPECT_EQ(done, 3);
}

TEST(WorkerPool, TheEndWaitsForWhatRunsAndDropsTheRest) {
  std::atomic<int> done = 0;
  std::promise<void> begun;
  {
    WorkerPool pool(1, 10);
    ASSERT_TRUE(pool.submit([&] {
      begun.set_value();
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      ++done;
    }));
    begun.get_future().wait();
    ASSERT_TRUE(pool.submit([&] { done += 100; }));
  }
  EXPECT_EQ(done, 1);
}

}  // namespace
}  // namespace parallelrun::web
