#include "common/time/rfc3339.h"

#include <gtest/gtest.h>

namespace parallelrun {
namespace {

using namespace std::chrono;

sys_time<nanoseconds> at(sys_days day, nanoseconds time) { return day + time; }

TEST(Rfc3339, Reads) {
  const auto day = sys_days(year(2026) / 2 / 28);
  EXPECT_EQ(parse_rfc3339("2026-02-28T23:59:58Z"), at(day, 23h + 59min + 58s));
  EXPECT_EQ(parse_rfc3339("2026-02-28T23:59:58.000000001Z"), at(day, 23h + 59min + 58s + 1ns));
  EXPECT_EQ(parse_rfc3339("2026-02-28T23:59:58.5+01:30"), at(day, 22h + 29min + 58s + 500ms));
  EXPECT_EQ(parse_rfc3339("2026-02-28t20:00:00-05:00"), at(day, 25h));
  EXPECT_EQ(parse_rfc3339("2024-02-29T00:00:00z"), at(sys_days(year(2024) / 2 / 29), 0ns));
}

TEST(Rfc3339, Refuses) {
  for (const char* text :
       {"", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:00", "2026-01-01T00:00:00.Z", "2026-01-01 00:00:00Z", "2026-01-01T00:00:00Zx",
        "26-01-01T00:00:00Z", "2026-01-01T00:00:00+1:00", "2026-01-01T00:00:00+24:00", "soon"}) {
    EXPECT_FALSE(parse_rfc3339(text)) << text;
  }
}

TEST(Rfc3339, ReadsTheYears1970To2200) {
  EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:00Z"), at(sys_days(), 0ns));
  EXPECT_EQ(parse_rfc3339("2200-12-31T23:59:59Z"), at(sys_days(year(2201) / 1 / 1), -1s));
  EXPECT_FALSE(parse_rfc3339("1969-12-31T23:59:59Z"));
  EXPECT_FALSE(parse_rfc3339("2201-01-01T00:00:00Z"));
}

TEST(Rfc3339, WritesMicroseconds) {
  const auto time = sys_days(year(2026) / 1 / 2) + 3h + 4min + 5s + 6us;
  EXPECT_EQ(rfc3339_micros(time), "2026-01-02T03:04:05.000006Z");
  EXPECT_EQ(parse_rfc3339(rfc3339_micros(time)), time);
  EXPECT_EQ(rfc3339_micros(sys_time<microseconds>(-1us)), "1969-12-31T23:59:59.999999Z");
}

TEST(Rfc3339, WritesSeconds) {
  EXPECT_EQ(rfc3339_seconds(sys_days(year(2026) / 1 / 2) + 3h + 4min + 5s), "2026-01-02T03:04:05Z");
  EXPECT_EQ(rfc3339_seconds(sys_seconds()), "1970-01-01T00:00:00Z");
}

}  // namespace
}  // namespace parallelrun
