#include "runner/orchestrator/thresholds.h"

#include <gtest/gtest.h>

namespace parallelrun::orchestrator {
namespace {

struct Case {
  const char* what;
  Thresholds thresholds;
  Counts counts;
  std::uint64_t planned;
  bool complete;
  std::optional<JobReason> reason;
};

Counts failed(std::uint64_t mini_batches, std::uint64_t items) {
  Counts counts;
  counts.failed = mini_batches;
  counts.items_failed = items;
  return counts;
}

Counts fallen_short(std::uint64_t mini_batches) {
  Counts counts;
  counts.succeeded = counts.short_ones = counts.items_failed = mini_batches;
  return counts;
}

TEST(Thresholds, AreExceededByMoreThanThemAndNotByThem) {
  const auto items = JobReason::kErrorThresholdExceeded;
  const auto count = JobReason::kAllowedFailedCountExceeded;
  const auto percent = JobReason::kAllowedFailedPercentExceeded;
  const std::vector<Case> cases = {
      {"-1 never aborts", {-1, {}, {}}, failed(5, ~0ULL), 5, true, {}},
      {"0, none failed", {0, {}, {}}, failed(0, 0), 5, false, {}},
      {"0, one failed", {0, {}, {}}, failed(0, 1), 5, false, items},
      {"10 of 10", {10, {}, {}}, failed(1, 10), 5, false, {}},
      {"11 of 10", {10, {}, {}}, failed(1, 11), 5, false, items},
      {"the largest", {2147483647, {}, {}}, failed(1, 2147483647), 5, false, {}},
      {"beyond the largest", {2147483647, {}, {}}, failed(1, 2147483648ULL), 5, false, items},
      {"count -1 never aborts", {-1, -1, {}}, failed(100, 0), 100, true, {}},
      {"count, as many", {-1, 2, {}}, failed(2, 20), 5, false, {}},
      {"count, one more", {-1, 2, {}}, failed(3, 30), 5, false, count},
      {"count, short ones as many", {-1, 2, {}}, fallen_short(2), 5, false, {}},
      {"count, short ones more", {-1, 2, {}}, fallen_short(3), 5, false, count},
      {"percent, short ones", {-1, {}, 10.0}, fallen_short(2), 10, true, percent},
      {"percent waits for the plan", {-1, {}, 10.0}, failed(5, 0), 5, false, {}},
      {"percent, exactly", {-1, {}, 10.0}, failed(1, 0), 10, true, {}},
      {"percent, more", {-1, {}, 10.0}, failed(2, 0), 10, true, percent},
      {"percent 0, none", {-1, {}, 0.0}, failed(0, 0), 10, true, {}},
      {"percent 0, one", {-1, {}, 0.0}, failed(1, 0), 10'000'000, true, percent},
      {"percent of nothing", {-1, {}, 0.0}, failed(0, 0), 0, true, {}},
      {"a third is not 33.4 percent", {-1, {}, 33.4}, failed(1, 0), 3, true, {}},
      {"percent 100 never aborts", {-1, {}, 100.0}, failed(10, 0), 10, true, {}},
      {"items come first", {0, 0, 0.0}, failed(1, 1), 1, true, items},
  };
  for (const Case& c : cases) {
    const auto over = exceeded(c.thresholds, c.counts, c.planned, c.complete);
    EXPECT_EQ(over ? std::optional(over->reason) : std::nullopt, c.reason) << c.what;
  }
}

TEST(Thresholds, NameTheFieldTheCountAndTheThreshold) {
  EXPECT_EQ(exceeded({10, {}, {}}, failed(1, 11), 5, false)->message,
            "11 items failed, more than errorThreshold 10 allows");
  EXPECT_EQ(exceeded({-1, 0, {}}, failed(1, 3), 5, false)->message,
            "1 mini-batch failed, more than allowedFailedCount 0 allows");
  EXPECT_EQ(exceeded({-1, {}, 2.5}, failed(3, 3), 100, true)->message,
            "3 of 100 mini-batches failed, more than allowedFailedPercent 2.5 allows");
}

}  // namespace
}  // namespace parallelrun::orchestrator
