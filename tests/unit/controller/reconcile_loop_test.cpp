#include "operator/controller/reconcile_loop.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>

namespace parallelrun::op {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 120s;

kube::Time now() { return std::chrono::steady_clock::now(); }

bool soon(const std::function<bool()>& condition) {
  const auto end = now() + kPatience;
  while (!condition()) {
    if (now() > end) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

struct Counting final : Observer {
  void key_retried() override { ++retries; }
  void reconciled(ReconcileOutcome outcome, kube::Duration) override {
    ++(outcome == ReconcileOutcome::kError ? errors : successes);
  }
  std::atomic<int> retries{0}, errors{0}, successes{0};
};

TEST(ReconcileLoop, EveryKeyIsWorkedOnAndNeverTwiceAtATime) {
  Counting counting;
  std::mutex mutex;
  std::set<std::string> active;
  std::map<std::string, int> done;
  ReconcileLoop loop(
      {},
      [&](const std::string& key) {
        {
          const std::lock_guard lock(mutex);
          EXPECT_TRUE(active.insert(key).second) << key;
        }
        std::this_thread::sleep_for(1ms);
        const std::lock_guard lock(mutex);
        active.erase(key);
        ++done[key];
        return ReconcileLoop::Outcome{};
      },
      counting);
  loop.start(4);
  for (int round = 0; round < 20; ++round) {
    for (const char* key : {"a", "b", "c", "d", "e", "f"}) loop.add(key);
    std::this_thread::sleep_for(1ms);
  }
  EXPECT_TRUE(soon([&] { return loop.state().depth == 0 && loop.state().active == 0; }));
  const std::lock_guard lock(mutex);
  EXPECT_EQ(done.size(), 6U);
}

TEST(ReconcileLoop, AFailureComesAgainAndAnEarlierTimeWakesASleeper) {
  Counting counting;
  std::atomic<int> runs{0};
  ReconcileLoop loop(
      {1ms, 10ms}, [&](const std::string&) { return ReconcileLoop::Outcome{++runs < 3, {}, std::nullopt}; },
      counting);
  loop.start(2);
  loop.add_at("later", now() + 1h);
  loop.add_at("a", now() + 5ms);
  EXPECT_TRUE(soon([&] { return counting.successes == 1; }));
  EXPECT_EQ(runs, 3);
  EXPECT_EQ(counting.retries, 2);
}

TEST(ReconcileLoop, AgainAtIsKept) {
  Counting counting;
  std::atomic<int> runs{0};
  ReconcileLoop loop(
      {},
      [&](const std::string&) {
        return ++runs == 1 ? ReconcileLoop::Outcome{false, {}, now() + 20ms} : ReconcileLoop::Outcome{};
      },
      counting);
  const auto began = now();
  loop.start(1);
  loop.add("a");
  EXPECT_TRUE(soon([&] { return runs == 2; }));
  EXPECT_GE(now() - began, 20ms);
}

TEST(ReconcileLoop, PausedItTakesNothing) {
  Counting counting;
  std::atomic<int> runs{0};
  ReconcileLoop loop({}, [&](const std::string&) { return ++runs, ReconcileLoop::Outcome{}; }, counting);
  loop.pause(true);
  loop.start(2);
  loop.add("a");
  std::this_thread::sleep_for(30ms);
  EXPECT_EQ(runs, 0);
  loop.pause(false);
  EXPECT_TRUE(soon([&] { return runs == 1; }));
}

}  // namespace
}  // namespace parallelrun::op
