#include "common/text/first_of.h"

#include <gtest/gtest.h>

namespace parallelrun {
namespace {

TEST(FirstOf, NamesSomeAndCountsTheRest) {
  const std::vector<std::string> all = {"a", "b", "c"};
  EXPECT_EQ(first_of({}, 2, Joined::kNames), "");
  EXPECT_EQ(first_of(all, 3, Joined::kNames), "a, b, c");
  EXPECT_EQ(first_of(all, 2, Joined::kNames), "a, b and 1 more");
  EXPECT_EQ(first_of(all, 0, Joined::kNames), "a and 2 more");
  EXPECT_EQ(first_of(all, 4, Joined::kClauses), "a; b; c");
  EXPECT_EQ(first_of(all, 1, Joined::kClauses), "a; and 2 more");
}

}  // namespace
}  // namespace parallelrun
