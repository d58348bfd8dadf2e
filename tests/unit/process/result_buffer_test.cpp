#include "runner/process/result_buffer.h"

#include <gtest/gtest.h>

namespace parallelrun::process {
namespace {

using std::string_view_literals::operator""sv;

constexpr channel::HoldBack kRule;
constexpr std::uint64_t kShort = kRule.short_task_ns - 1;

// As the channel does at the end of a task.
void finish_task(ResultBuffer& buffer, std::uint64_t now, std::uint64_t duration) {
  buffer.task_ended(now, duration);
  buffer.add(channel::Frame::kResult, "head", "body");
}

TEST(ResultBuffer, FramesAreLengthKindAndBothParts) {
  ResultBuffer buffer;
  buffer.add(channel::Frame::kResult, "ab", "c");
  buffer.add(channel::Frame::kBye, "", "");
  EXPECT_EQ(buffer.bytes(),
            "\3\0\0\0\x12"
            "abc\0\0\0\0\x15"sv);
  buffer.clear();
  EXPECT_TRUE(buffer.empty());
}

TEST(ResultBuffer, FirstResultsGoOutBeforeTheNextTask) {
  ResultBuffer buffer;
  EXPECT_FALSE(buffer.due(0)) << "nothing is held";
  for (std::uint64_t i = 1; i < kRule.short_tasks; ++i) {
    finish_task(buffer, 1000 * i, kShort);
    EXPECT_TRUE(buffer.due(1000 * i)) << i;
    buffer.clear();
  }
  finish_task(buffer, 20'000, kShort);
  EXPECT_FALSE(buffer.due(20'000)) << "after a row of short tasks results may wait";
}

class AfterShortTasks : public testing::Test {
 protected:
  AfterShortTasks() {
    for (std::uint64_t i = 0; i < kRule.short_tasks; ++i) finish_task(buffer_, 0, kShort);
    buffer_.clear();
  }
  ResultBuffer buffer_;
};

TEST_F(AfterShortTasks, TheOldestResultWaitsForTheHoldTimeAtMost) {
  finish_task(buffer_, 1'000'000, kShort);
  finish_task(buffer_, 1'400'000, kShort);
  EXPECT_FALSE(buffer_.due(1'000'000 + kRule.hold_ns));
  EXPECT_TRUE(buffer_.due(1'000'000 + kRule.hold_ns + 1));
}

TEST_F(AfterShortTasks, OneLongTaskEndsTheRow) {
  finish_task(buffer_, 1'000'000, kRule.short_task_ns);
  EXPECT_TRUE(buffer_.due(1'000'000));
  buffer_.clear();
  finish_task(buffer_, 1'000'001, kShort);
  EXPECT_TRUE(buffer_.due(1'000'001));
}

TEST_F(AfterShortTasks, ALargeResultIsFull) {
  buffer_.add(channel::Frame::kResult, "", std::string(kRule.hold_bytes - 5, 'x'));
  EXPECT_FALSE(buffer_.full());
  buffer_.add(channel::Frame::kResult, "", "");
  EXPECT_TRUE(buffer_.full());
}

}  // namespace
}  // namespace parallelrun::process
