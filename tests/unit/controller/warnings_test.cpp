#include "operator/controller/warnings.h"

#include <gtest/gtest.h>

namespace parallelrun::op {
namespace {

using nlohmann::json;

TEST(Warnings, TheNewestOfEachReasonInOrder) {
  const auto warnings = warnings_of(json::parse(R"({"items": [
    {"type": "Warning", "reason": "FailedMount", "message": "old", "lastTimestamp": "2026-01-01T00:00:01Z"},
    {"type": "Warning", "reason": "FailedScheduling", "message": "0/3", "eventTime": "2026-01-01T00:00:09.5Z"},
    {"type": "Warning", "reason": "FailedMount", "message": "secret \"d-runner\" not found",
     "series": {"lastObservedTime": "2026-01-01T00:00:03Z"}},
    {"type": "Normal", "reason": "Pulled", "message": "m"}, {"type": 3}]})"));
  ASSERT_EQ(warnings.size(), 2U);
  EXPECT_EQ(warnings[0].reason, "FailedMount");
  EXPECT_EQ(warnings[0].message, "secret \"d-runner\" not found");
  EXPECT_EQ(warnings[1].reason, "FailedScheduling");
  EXPECT_TRUE(misses_secret(warnings, "d-runner"));
  EXPECT_FALSE(misses_secret(warnings, "d"));
  const auto says = [](const std::string& message) {
    return misses_secret({{.reason = "FailedMount", .message = message, .time = {}}}, "d-runner");
  };
  EXPECT_TRUE(says("MountVolume.SetUp failed for volume \"job\" : secret \"d-runner-12\" not found"));
  EXPECT_TRUE(
      says("MountVolume.SetUp failed for volume \"job\" : references non-existent secret key: worker-7.crt"));
  EXPECT_FALSE(says("MountVolume.SetUp failed for volume \"job\" : secret \"d-runner-x\" not found"));
  EXPECT_FALSE(
      says("MountVolume.SetUp failed for volume \"data-0\" : references non-existent secret key: a"));
}

TEST(Warnings, NoListIsNone) {
  EXPECT_TRUE(warnings_of(json::object()).empty());
  EXPECT_TRUE(warnings_of({{"items", nullptr}}).empty());
}

}  // namespace
}  // namespace parallelrun::op
