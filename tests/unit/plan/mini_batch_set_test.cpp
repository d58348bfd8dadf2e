#include "runner/plan/mini_batch_set.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace parallelrun {
namespace {

TEST(MiniBatchSet, AgreesWithAPlainSet) {
  std::mt19937_64 dice(20261);
  for (int round = 0; round < 50; ++round) {
    MiniBatchSet ours;
    std::set<std::uint64_t> plain;
    for (int step = 0; step < 400; ++step) {
      const std::uint64_t value = dice() % 60;
      if (dice() % 3 != 0) {
        EXPECT_EQ(ours.insert({value}), plain.insert(value).second);
      } else {
        EXPECT_EQ(ours.erase({value}), plain.erase(value) > 0);
      }
      ASSERT_EQ(ours.size(), plain.size());
      for (std::uint64_t v = 0; v < 61; ++v) ASSERT_EQ(ours.contains({v}), plain.count(v) > 0) << v;
      std::uint64_t frontier = 0;
      while (plain.count(frontier) > 0) ++frontier;
      ASSERT_EQ(ours.frontier(), frontier);
      ASSERT_EQ(ours.end(), plain.empty() ? 0 : *plain.rbegin() + 1);
      std::uint64_t last_past = 0;
      bool first = true;
      ours.for_each_interval([&](std::uint64_t begin, std::uint64_t past) {
        EXPECT_LT(begin, past);
        if (!first) {
          EXPECT_LT(last_past, begin) << "adjacent intervals are one";
        }
        first = false;
        last_past = past;
      });
    }
  }
}

TEST(MiniBatchSet, TenMillionMembersInAnyOrderWithinAWindowAreOneInterval) {
  MiniBatchSet set;
  std::size_t most = 0;
  for (std::uint64_t block = 0; block < 10'000'000; block += 1000) {
    for (std::uint64_t i = 0; i < 1000; ++i) {
      set.insert({block + (i * 7) % 1000});
      most = std::max(most, set.intervals());
    }
  }
  EXPECT_EQ(set.size(), 10'000'000U);
  EXPECT_EQ(set.intervals(), 1U);
  EXPECT_LE(most, 1000U);
}

}  // namespace
}  // namespace parallelrun
