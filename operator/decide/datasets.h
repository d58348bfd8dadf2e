// Policy: what a job has of the datasets that it names. A job that has not started takes what its namespace
// has now. From its start on it has what status.datasets records of them, data included, whatever becomes of
// the datasets: restarts, replaced pods and a resume all use that. Internal to the room.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "common/spec/dataset_use.h"
#include "operator/decide/job_facts.h"
#include "operator/decide/obstacles.h"
#include "operator/decide/snapshot.h"

namespace parallelrun::op {

class Decision;

// While the operator cannot list datasets, a job that waits for one is looked at again after so long.
inline constexpr std::chrono::seconds kLookForDatasets{30};

struct DatasetsOfJob {
  std::vector<PinnedDataset> pinned;   // each version once
  std::vector<std::string> words;      // of a job that has not started: which version each place gets
  std::optional<Obstacle> missing;     // one that is not there yet, or not as it can be used
  std::optional<std::string> refused;  // why the job can never have them; a sentence with the field
};

DatasetsOfJob datasets_of(const Snapshot& snapshot, const JobFacts& facts);

// At the start: what the job has from now on.
void record_datasets(Decision& decision);

// Says of recorded ones, once, that they were deleted; the job goes on.
void tell_deleted_datasets(Decision& decision);

}  // namespace parallelrun::op
