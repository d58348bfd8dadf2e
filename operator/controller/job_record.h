// What the cache keeps of a job, and which of its changes matter. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "common/json/json.h"
#include "common/kube/packed_json.h"

namespace parallelrun::op {

// Takes managedFields and kubectl's copy of the manifest out of a job or a dataset; everything else stays,
// fields of a newer version included.
void to_job_record(nlohmann::json& job);

// What a job has done so far, as its orchestrator tells it.
struct WorkCounts {
  std::int64_t items_succeeded = 0;
  std::int64_t items_failed = 0;
  std::int64_t mini_batches_succeeded = 0;
  std::int64_t mini_batches_failed = 0;
  double mini_batch_seconds = 0;  // inside `run`, over all tries

  bool operator==(const WorkCounts&) const = default;
};

// From status.progress.
WorkCounts work_counts(const nlohmann::json& progress);
// The part of `now` that is not in `before`; counts never go back.
WorkCounts growth(const WorkCounts& before, const WorkCounts& now);
// Member by member the larger one.
WorkCounts furthest(const WorkCounts& a, const WorkCounts& b);

// "Pending" where status has none yet.
std::string state_of(const nlohmann::json& job);
bool finished(const nlohmann::json& job);

// The job that it is a resubmission of, where it has not started: the one that it waits for. Empty: none.
std::string earlier_job_named_in(const nlohmann::json& job);

// Whether two records of a job differ in nothing but status.progress and resourceVersion.
bool same_but_progress(nlohmann::json before, nlohmann::json after);

}  // namespace parallelrun::op
