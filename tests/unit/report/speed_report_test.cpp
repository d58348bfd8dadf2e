#include "runner/report/speed_report.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace parallelrun::report {
namespace {

using testing::HasSubstr;

constexpr const char* kDone =
    "2026-11-30T00:00:12.000000Z done with mini-batch 1 (try 1): succeeded; worker 127.0.0.1 pid 9; items 4 "
    "in total, "
    "4 succeeded, 0 failed; started 2026-11-30T00:00:10.000000Z, duration 2.000000 s, process time 1.250000 "
    "s, run "
    "1.500000 s";

ProcessTimes process(double first, double last, double busy, double run, double cpu, std::uint64_t batches) {
  return {.name = fmt::format("n/process{:03}", static_cast<int>(first * 7 + last)),
          .first = first,
          .last = last,
          .busy = busy,
          .run = run,
          .cpu = cpu,
          .longest = run / static_cast<double>(batches),
          .mini_batches = batches};
}

std::vector<std::string> found(const SpeedReport& report) {
  std::vector<std::string> words;
  for (const Finding& finding : findings_of(report)) words.push_back(finding.what + " -> " + finding.setting);
  return words;
}

TEST(SpeedReport, ReadsALineOfALog) {
  ProcessTimes times;
  std::vector<float> runs;
  EXPECT_TRUE(add_line(kDone, times, runs));
  EXPECT_DOUBLE_EQ(times.last - times.first, 2.0);
  EXPECT_DOUBLE_EQ(times.busy, 2.0);
  EXPECT_DOUBLE_EQ(times.run, 1.5);
  EXPECT_DOUBLE_EQ(times.cpu, 1.25);
  EXPECT_EQ(times.failed, 0U);
  std::string failed = kDone;
  failed.replace(failed.find("succeeded;"), 10, "timed out;");
  EXPECT_TRUE(add_line(failed, times, runs));
  EXPECT_EQ(times.failed, 1U);
  for (const char* other :
       {"", "2026 picked up mini-batch 1 (try 1); worker", "x done with mini-batch 1; started y"})
    EXPECT_FALSE(add_line(other, times, runs)) << other;
  EXPECT_EQ(times.mini_batches, 2U);
}

TEST(SpeedReport, SharesAddUp) {
  const SpeedReport report =
      speed_of({process(100, 200, 80, 60, 60, 10), process(100, 200, 100, 90, 90, 10)}, {5}, 90);
  EXPECT_DOUBLE_EQ(report.start, 10);
  EXPECT_DOUBLE_EQ(report.run, 0.75);
  EXPECT_DOUBLE_EQ(report.overhead, 0.15);
  EXPECT_DOUBLE_EQ(report.idle, 0.1);
  EXPECT_TRUE(found(report).empty());
}

TEST(SpeedReport, WhatCostsTimeIsNamedWithASetting) {
  const auto two = [](double busy, double run, double cpu, std::uint64_t batches) {
    return std::vector{process(0.1, 100.1, busy, run, cpu, batches),
                       process(0.1, 100.1, busy, run, cpu, batches)};
  };
  EXPECT_THAT(found(speed_of(two(95, 90, 90, 50), {1}, -60)), testing::IsEmpty());
  EXPECT_THAT(
      found(speed_of(two(95, 20, 20, 9000), {0.002F}, 0)),
      testing::ElementsAre(HasSubstr("reading the input and writing the results takes long -> a larger")));
  EXPECT_THAT(found(speed_of(two(95, 60, 60, 50), {1}, 0)),
              testing::ElementsAre(HasSubstr("a faster volume")));
  EXPECT_THAT(found(speed_of(two(50, 48, 48, 3), {16}, 0)),
              testing::ElementsAre(HasSubstr("fewer processes")));
  EXPECT_THAT(found(speed_of(two(95, 90, 10, 50), {1}, 0)),
              testing::ElementsAre(HasSubstr("run() mostly waits")));
  EXPECT_THAT(found(speed_of(two(95, 90, 300, 50), {1}, 0)),
              testing::ElementsAre(HasSubstr("OMP_NUM_THREADS")));
  const SpeedReport tail = speed_of({process(1, 50, 49, 49, 49, 9), process(1, 101, 99, 99, 99, 9)}, {5}, 0);
  EXPECT_DOUBLE_EQ(tail.tail, 51);
  EXPECT_THAT(found(tail),
              testing::ElementsAre(HasSubstr("most processes wait for one -> a smaller miniBatchSize")));
  const SpeedReport start = speed_of({process(1100, 1110, 10, 10, 10, 9)}, {1}, 1000);
  EXPECT_THAT(found(start), testing::ElementsAre(HasSubstr("the start took long -> an environment.image")));
}

TEST(SpeedReport, OfNothingThereIsNothingToSay) {
  EXPECT_TRUE(findings_of(speed_of({}, {}, 0)).empty());
  EXPECT_TRUE(findings_of(speed_of({ProcessTimes{}}, {}, 0)).empty());
}

}  // namespace
}  // namespace parallelrun::report
