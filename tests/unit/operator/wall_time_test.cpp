#include "operator/decide/wall_time.h"

#include <gtest/gtest.h>

namespace parallelrun::op {
namespace {

using std::chrono::milliseconds;

TEST(WallTime, ReadsWhatTheApiWrites) {
  const WallTime base = std::chrono::sys_days(std::chrono::year(2026) / 11 / 22) + std::chrono::hours(5) +
                        std::chrono::minutes(19) + std::chrono::seconds(7);
  EXPECT_EQ(parse_wall_time("2026-11-22T05:19:07Z"), base);
  EXPECT_EQ(parse_wall_time("2026-11-22T05:19:07.123456Z"), base + milliseconds(123));
  EXPECT_EQ(parse_wall_time("2026-11-22T05:19:07.5+00:00"), base + milliseconds(500));
  EXPECT_EQ(parse_wall_time("2026-11-22T07:19:07+02:00"), base);
  EXPECT_EQ(parse_wall_time("2026-11-21T23:49:07-05:30"), base);
}

TEST(WallTime, RefusesAnythingElse) {
  for (const char* text :
       {"", "2026", "2026-11-22", "2026-11-22T05:19:07", "2026-13-22T05:19:07Z", "2026-02-30T05:19:07Z",
        "2026-11-22T24:19:07Z", "2026-11-22T05:60:07Z", "2026-11-22T05:19:07.Z", "2026-11-22T05:19:07Zx",
        "2026-11-22T05:19:07+2:00", "-026-11-22T05:19:07Z", "2026-11-22T05:19:07+24:00"}) {
    EXPECT_EQ(parse_wall_time(text), std::nullopt) << text;
  }
}

TEST(WallTime, IsWrittenInWholeSeconds) {
  const auto time = *parse_wall_time("2026-01-02T03:04:05.999Z");
  EXPECT_EQ(format_wall_time(time), "2026-01-02T03:04:05Z");
  EXPECT_EQ(format_wall_time(WallTime{}), "1970-01-01T00:00:00Z");
  EXPECT_EQ(format_wall_time(WallTime{} - milliseconds(1)), "1969-12-31T23:59:59Z");
}

}  // namespace
}  // namespace parallelrun::op
