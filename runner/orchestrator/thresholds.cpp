#include "runner/orchestrator/thresholds.h"

#include "common/text/counted.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun::orchestrator {
namespace {

bool more_than(std::uint64_t count, std::int64_t threshold) {
  return threshold >= 0 && count > static_cast<std::uint64_t>(threshold);
}

}  // namespace

Thresholds thresholds_of(const JobSpec& spec) {
  return {spec.error_threshold, spec.allowed_failed_count, spec.allowed_failed_percent};
}

std::optional<Exceeded> exceeded(const Thresholds& thresholds, const Counts& counts, std::uint64_t planned,
                                 bool plan_complete) {
  if (more_than(counts.items_failed, thresholds.error_threshold)) {
    return Exceeded{JobReason::kErrorThresholdExceeded,
                    fmt::format("{} failed, more than errorThreshold {} allows",
                                counted(counts.items_failed, "item"), thresholds.error_threshold)};
  }
  const std::uint64_t failed = counts.failed + counts.short_ones;
  const char* how = counts.short_ones > 0 ? " failed or returned fewer elements than items" : " failed";
  if (thresholds.allowed_failed_count && more_than(failed, *thresholds.allowed_failed_count)) {
    return Exceeded{JobReason::kAllowedFailedCountExceeded,
                    fmt::format("{}{}, more than allowedFailedCount {} allows", counted(failed, "mini-batch"),
                                how, *thresholds.allowed_failed_count)};
  }
  if (thresholds.allowed_failed_percent && plan_complete && planned > 0) {
    // Not divided: 1 of 10 is exactly 10 percent.
    const double allowed = *thresholds.allowed_failed_percent * static_cast<double>(planned);
    if (*thresholds.allowed_failed_percent >= 0.0 && static_cast<double>(failed) * 100.0 > allowed) {
      return Exceeded{JobReason::kAllowedFailedPercentExceeded,
                      fmt::format("{} of {}{}, more than allowedFailedPercent {:g} allows", failed,
                                  counted(planned, "mini-batch"), how, *thresholds.allowed_failed_percent)};
    }
  }
  return std::nullopt;
}

}  // namespace parallelrun::orchestrator
