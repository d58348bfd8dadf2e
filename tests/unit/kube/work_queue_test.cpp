#include "common/kube/work_queue.h"

#include <gtest/gtest.h>

#include "start_time.h"

namespace parallelrun::kube {
namespace {

using namespace std::chrono_literals;

std::string take(WorkQueue& queue, Time now) {
  const auto item = queue.take(now);
  return item ? item->key : "";
}

TEST(WorkQueue, KeysComeInOrderAndOnce) {
  WorkQueue queue({});
  for (const char* key : {"a", "b", "a"}) queue.add(key, kStart);
  EXPECT_EQ(queue.depth(), 2U);
  EXPECT_EQ(take(queue, kStart), "a");
  EXPECT_EQ(take(queue, kStart), "b");
  EXPECT_EQ(take(queue, kStart), "");
}

TEST(WorkQueue, AKeyBeingProcessedComesAgainAfterwards) {
  WorkQueue queue({});
  queue.add("a", kStart);
  ASSERT_EQ(take(queue, kStart), "a");
  queue.add("a", kStart);
  queue.add("a", kStart);
  EXPECT_EQ(take(queue, kStart), "") << "never two workers for one key";
  queue.done("a", kStart + 1s);
  EXPECT_EQ(take(queue, kStart + 1s), "a");
  queue.done("a", kStart + 1s);
  EXPECT_EQ(take(queue, kStart + 1s), "");
}

TEST(WorkQueue, DelayedKeyIsDueAtItsTime) {
  WorkQueue queue({});
  queue.add_at("a", kStart + 10s);
  EXPECT_EQ(queue.next_due(), kStart + 10s);
  EXPECT_EQ(take(queue, kStart + 10s - 1ns), "");
  const auto item = queue.take(kStart + 11s);
  ASSERT_TRUE(item);
  EXPECT_EQ(item->key, "a");
  EXPECT_EQ(item->waited, 1s);
  EXPECT_FALSE(queue.next_due());
}

TEST(WorkQueue, TheEarliestOfTwoDelaysCounts) {
  WorkQueue queue({});
  queue.add_at("a", kStart + 10s);
  queue.add_at("a", kStart + 20s);
  EXPECT_EQ(queue.next_due(), kStart + 10s);
  queue.add_at("a", kStart + 5s);
  EXPECT_EQ(take(queue, kStart + 5s), "a");
  queue.done("a", kStart + 5s);
  EXPECT_EQ(take(queue, kStart + 1h), "");
}

TEST(WorkQueue, FailuresDoubleUpToTheLimitAndAreForgotten) {
  WorkQueue queue({.first_backoff = 5ms, .longest_backoff = 30ms});
  EXPECT_EQ(queue.add_after_failure("a", kStart), kStart + 5ms);
  EXPECT_EQ(queue.add_after_failure("a", kStart), kStart + 10ms);
  EXPECT_EQ(queue.add_after_failure("b", kStart), kStart + 5ms) << "each key for itself";
  EXPECT_EQ(queue.add_after_failure("a", kStart), kStart + 20ms);
  EXPECT_EQ(queue.add_after_failure("a", kStart), kStart + 30ms);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(queue.add_after_failure("a", kStart), kStart + 30ms);
  queue.forget("a");
  EXPECT_EQ(queue.failures("a"), 0U);
  EXPECT_EQ(queue.add_after_failure("a", kStart), kStart + 5ms);
}

TEST(WorkQueue, DelayThatEndsWhileProcessingWaitsForDone) {
  WorkQueue queue({});
  queue.add("a", kStart);
  ASSERT_EQ(take(queue, kStart), "a");
  queue.add_at("a", kStart + 1s);
  EXPECT_EQ(take(queue, kStart + 2s), "");
  queue.done("a", kStart + 3s);
  EXPECT_EQ(take(queue, kStart + 3s), "a");
}

}  // namespace
}  // namespace parallelrun::kube
