#include "operator/controller/job_memories.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace parallelrun::op {
namespace {

using namespace std::chrono_literals;

TEST(Accounts, JobsThatBeginTogetherTryOnce) {
  JobMemories memories;
  std::atomic<int> tries{0};
  std::atomic<int> told{0};
  {
    std::vector<std::jthread> jobs;
    for (int i = 0; i < 8; ++i) {
      jobs.emplace_back([&] {
        told += memories.make_account_once("team", [&] {
          ++tries;
          std::this_thread::sleep_for(20ms);
          return true;
        });
      });
    }
  }
  EXPECT_EQ(tries, 1);
  EXPECT_EQ(told, 8);
  EXPECT_TRUE(memories.has_account("team"));
  EXPECT_FALSE(memories.has_account("another"));
}

TEST(Accounts, WhatFailedIsTriedByTheNext) {
  JobMemories memories;
  EXPECT_FALSE(memories.make_account_once("team", [] { return false; }));
  EXPECT_THROW(memories.make_account_once("team", []() -> bool { throw 1; }), int);
  EXPECT_FALSE(memories.has_account("team"));
  EXPECT_TRUE(memories.make_account_once("team", [] { return true; }));
}

TEST(Accounts, NamespacesDoNotWaitForEachOther) {
  JobMemories memories;
  EXPECT_TRUE(memories.make_account_once(
      "slow", [&] { return memories.make_account_once("quick", [] { return true; }); }));
}

}  // namespace
}  // namespace parallelrun::op
