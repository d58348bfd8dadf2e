#include "operator/controller/fan_out.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <stdexcept>

namespace parallelrun::op {
namespace {

TEST(FanOut, RunsEverythingBeforeItReturns) {
  FanOut fan_out(4);
  for (const std::size_t count : {0U, 1U, 2U, 100U}) {
    std::atomic<std::size_t> ran{0};
    fan_out.run(std::vector<FanOut::Task>(count, [&] { ++ran; }));
    EXPECT_EQ(ran, count);
  }
}

TEST(FanOut, WhatATaskThrowsIsTheCallers) {
  FanOut fan_out(2);
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> ran{0};
    std::vector<FanOut::Task> tasks(10, [&] { ++ran; });
    tasks[static_cast<std::size_t>(round % 10)] = [] { throw std::runtime_error("boom"); };
    EXPECT_THROW(fan_out.run(std::move(tasks)), std::runtime_error);
    EXPECT_EQ(ran, 9) << "the others are done all the same";
  }
}

TEST(FanOut, TasksRunSideBySide) {
  FanOut fan_out(1);
  std::latch both(2);
  const FanOut::Task meet = [&] { both.arrive_and_wait(); };
  fan_out.run({meet, meet});  // would hang if one ran after the other
}

TEST(FanOut, CallersDoNotWaitForEachOther) {
  FanOut fan_out(0);  // nobody else helps
  std::atomic<int> ran{0};
  std::vector<std::jthread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] { fan_out.run(std::vector<FanOut::Task>(50, [&] { ++ran; })); });
  }
  callers.clear();
  EXPECT_EQ(ran, 200);
}

}  // namespace
}  // namespace parallelrun::op
