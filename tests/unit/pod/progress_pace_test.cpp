#include "runner/pod/progress_status.h"

#include <gtest/gtest.h>

namespace parallelrun {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

TEST(ProgressStatus, HoldsTheCountsAndWhatPeopleRead) {
  const json status = progress_status({{"event", "progress"},
                                       {"miniBatchesCreated", 3U},
                                       {"miniBatchesProcessed", 2U},
                                       {"itemsTotal", 30U},
                                       {"itemsSucceeded", 19U},
                                       {"planComplete", true},
                                       {"miniBatchSeconds", 1.5},
                                       {"message", "no"}},
                                      "2026-01-31T12:00:00Z");
  EXPECT_EQ(status, (json{{"miniBatchesCreated", 3},
                          {"miniBatchesProcessed", 2},
                          {"itemsTotal", 30},
                          {"itemsSucceeded", 19},
                          {"planComplete", true},
                          {"miniBatchSecondsTotal", 1.5},
                          {"percent", 66},
                          {"items", "19 / 30"},
                          {"updateTime", "2026-01-31T12:00:00Z"}}));
}

TEST(ProgressStatus, AHundredPercentIsAllOfThem) {
  const auto percent = [](std::uint64_t done, std::uint64_t all) {
    return progress_status({{"miniBatchesCreated", all}, {"miniBatchesProcessed", done}}, "")["percent"];
  };
  EXPECT_EQ(percent(0, 0), 0);
  EXPECT_EQ(percent(999, 1000), 99);
  EXPECT_EQ(percent(1000, 1000), 100);
  EXPECT_EQ(percent(1001, 1000), 100);  // more than the schema allows would be refused
}

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
