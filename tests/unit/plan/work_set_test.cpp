#include "runner/plan/work_set.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace parallelrun {
namespace {

TEST(WorkSet, AgreesWithAPlainSet) {
  std::mt19937_64 dice(20262);
  for (int round = 0; round < 50; ++round) {
    WorkSet ours;
    std::set<WorkId> plain;
    for (int step = 0; step < 300; ++step) {
      const WorkId id{{dice() % 20}, dice() % 2 == 0 ? 0 : static_cast<std::uint32_t>(dice() % 4)};
      if (dice() % 3 != 0) {
        EXPECT_EQ(ours.insert(id), plain.insert(id).second);
      } else {
        EXPECT_EQ(ours.erase(id), plain.erase(id) > 0);
      }
      ASSERT_EQ(ours.size(), plain.size());
      ASSERT_EQ(ours.empty(), plain.empty());
      ASSERT_EQ(ours.end(), plain.empty() ? 0 : plain.rbegin()->mini_batch.value + 1);
      std::uint64_t frontier = 0;
      while (plain.count({{frontier}, 0}) > 0) ++frontier;
      ASSERT_EQ(ours.frontier(), frontier) << "parts alone make no mini-batch whole";
      std::set<WorkId> visited;
      ours.for_each([&](const WorkId& each) { ASSERT_TRUE(visited.insert(each).second); });
      ASSERT_EQ(visited, plain);
    }
  }
}

}  // namespace
}  // namespace parallelrun
