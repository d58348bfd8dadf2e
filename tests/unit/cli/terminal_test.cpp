#include "runner/cli/terminal.h"

#include <gtest/gtest.h>

namespace parallelrun {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

JobProgress half_done() {
  JobProgress progress;
  progress.planned = 50000;
  progress.plan_complete = true;
  progress.processed = 25000;
  progress.items_total = 500000;
  progress.items_succeeded = 249997;
  progress.items_failed = 3;
  progress.processes_ready = 4;
  return progress;
}

std::size_t cells_of(const std::string& line) {
  std::size_t cells = 0;
  for (const char c : line) cells += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1U : 0U;
  return cells;
}

TEST(RenderBar, TellsEverythingOnAWideTerminal) {
  const std::string line = render_bar("digits", half_done(), 12500.0, seconds(2), 160, false);
  EXPECT_EQ(
      line,
      "digits [####################....................]  50%  25,000/50,000 mini-batches  3 items failed"
      "  0:02 left  12,500/s  250,000 items  4 processes");
}

TEST(RenderBar, NeverIsWiderThanTheTerminal) {
  for (std::size_t columns = 0; columns < 200; ++columns) {
    EXPECT_LE(cells_of(render_bar("a-job-with-a-name", half_done(), 12500.0, seconds(2), columns, true)),
              columns == 0 ? 0 : columns - 1)
        << columns;
  }
}

TEST(RenderBar, ShowsNoPercentageBeforeThePlanIsComplete) {
  JobProgress progress = half_done();
  progress.plan_complete = false;
  const std::string line = render_bar("digits", progress, 12500.0, seconds(2), 160, false);
  EXPECT_EQ(line.find('%'), std::string::npos);
  EXPECT_NE(line.find("25,000 of 50,000+"), std::string::npos);
  EXPECT_EQ(line.find("left"), std::string::npos);
}

TEST(RenderBar, IsFullOnlyWhenAllIsDone) {
  JobProgress progress = half_done();
  progress.processed = 49999;
  EXPECT_EQ(render_bar("d", progress, {}, seconds(2), 120, false).find("100%"), std::string::npos);
  progress.processed = 50000;
  EXPECT_NE(render_bar("d", progress, {}, seconds(2), 120, false).find("100%"), std::string::npos);
}

TEST(RateEstimate, NeedsTwoSamplesAndForgetsOldOnes) {
  RateEstimate rate;
  const RateEstimate::TimePoint start{};
  rate.add(start, 0);
  EXPECT_FALSE(rate.per_second());
  rate.add(start + milliseconds(199), 199);
  EXPECT_FALSE(rate.per_second());
  rate.add(start + milliseconds(200), 200);
  EXPECT_DOUBLE_EQ(rate.per_second().value(), 1000.0);
  rate.add(start + seconds(100), 200);
  rate.add(start + seconds(101), 210);
  EXPECT_LT(rate.per_second().value(), 20.0);
}

TEST(Numbers, AreWrittenForPeople) {
  EXPECT_EQ(with_thousands(0), "0");
  EXPECT_EQ(with_thousands(999), "999");
  EXPECT_EQ(with_thousands(1000), "1,000");
  EXPECT_EQ(with_thousands(1234567), "1,234,567");
  EXPECT_EQ(as_clock(seconds(7)), "0:07");
  EXPECT_EQ(as_clock(seconds(3599)), "59:59");
  EXPECT_EQ(as_clock(seconds(3600)), "1:00:00");
}

TEST(JobProgressFromJson, TakesWhatIsThereAndDistrustsTheRest) {
  const auto progress = job_progress_from_json(
      {{"miniBatchesCreated", 7}, {"miniBatchesProcessed", "many"}, {"planComplete", 1}, {"other", nullptr}});
  EXPECT_EQ(progress.planned, 7U);
  EXPECT_EQ(progress.processed, 0U);
  EXPECT_FALSE(progress.plan_complete);
}

}  // namespace
}  // namespace parallelrun
