#include "runner/plan/split.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace parallelrun {
namespace {

TEST(Split, PartsHaveAllItemsOnceWhateverIsSplit) {
  std::mt19937_64 dice(7);
  for (const std::uint64_t items : {1ULL, 2ULL, 3ULL, 7ULL, 10ULL, 1000ULL}) {
    for (int round = 0; round < 20; ++round) {
      std::vector<std::uint32_t> leaves{0};
      for (std::size_t i = 0; i < leaves.size(); ++i) {
        const ItemRange range = items_of_part(leaves[i], items);
        ASSERT_GT(range.size(), 0U);
        if (range.size() == 1 || dice() % 4 == 0) continue;
        const Halves halves = *halves_of(leaves[i]);
        const ItemRange first = items_of_part(halves.first, items);
        EXPECT_EQ(first.begin, range.begin);
        EXPECT_EQ(first.end, items_of_part(halves.second, items).begin);
        EXPECT_EQ(items_of_part(halves.second, items).end, range.end);
        EXPECT_EQ(first.size(), (range.size() + 1) / 2);
        leaves[i] = halves.first;
        leaves.push_back(halves.second);
        --i;
      }
      std::sort(leaves.begin(), leaves.end(),
                [](std::uint32_t a, std::uint32_t b) { return comes_before({{7}, a}, {{7}, b}); });
      std::uint64_t next = 0;
      for (const std::uint32_t leaf : leaves) {
        EXPECT_EQ(items_of_part(leaf, items).begin, next) << "part " << leaf;
        next = items_of_part(leaf, items).end;
      }
      EXPECT_EQ(next, items);
    }
  }
  EXPECT_EQ(halves_of(0)->first, 2U);
  EXPECT_EQ(halves_of(0)->second, 3U);
  EXPECT_TRUE(halves_of(0x7FFFFFFFU));
  EXPECT_FALSE(halves_of(0x80000000U)) << "4294967296 is no number of a part";
}

}  // namespace
}  // namespace parallelrun
