#include "runner/pod/progress_pace.h"

#include <gtest/gtest.h>

namespace parallelrun {
namespace {

using namespace std::chrono_literals;

TEST(ProgressPace, TwoSecondsInShortJobsTenInLongOnes) {
  const ProgressPace::Time start{1h};
  ProgressPace pace(start);
  EXPECT_EQ(pace.due(start), start);
  pace.written(start);
  EXPECT_EQ(pace.due(start + 1ns), start + 2s);
  EXPECT_EQ(pace.due(start + 3s), start + 3s);
  const auto late = start + 5min;
  pace.written(late - 1ns);
  EXPECT_EQ(pace.due(late - 1ns), late - 1ns + 2s);
  EXPECT_EQ(pace.due(late), late - 1ns + 10s);
}

}  // namespace
}  // namespace parallelrun
