// When failures end a job. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/spec/job_spec.h"
#include "runner/progress/progress.h"

namespace parallelrun::orchestrator {

struct Thresholds {
  std::int64_t error_threshold = -1;  // [error_threshold] failed items; -1: never
  // Failed mini-batches, those with a shortfall among them; absent or negative: never.
  std::optional<std::int64_t> allowed_failed_count;
  std::optional<double> allowed_failed_percent;  // failed mini-batches of all, judged once all are planned
};
Thresholds thresholds_of(const JobSpec& spec);

struct Exceeded {
  JobReason reason = JobReason::kErrorThresholdExceeded;
  std::string message;  // names the field, the count and the threshold
};

// `planned`: mini-batches, final when `plan_complete`. A threshold is exceeded by more than it, not by it.
std::optional<Exceeded> exceeded(const Thresholds& thresholds, const Counts& counts, std::uint64_t planned,
                                 bool plan_complete);

}  // namespace parallelrun::orchestrator
