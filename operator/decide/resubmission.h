// Policy: what a job has of the earlier job that it is a resubmission of [spec.resubmissionOf]. A job that
// has not started looks at the job of that name, and waits for it. From its start on it has what
// status.resubmission records, whatever becomes of that job. Internal to the room.
#pragma once

#include <optional>
#include <string>

#include "operator/decide/job_facts.h"
#include "operator/decide/obstacles.h"
#include "operator/decide/snapshot.h"

namespace parallelrun::op {

class Decision;

struct EarlierJobOf {
  std::optional<EarlierJob> job;    // nothing: it is no resubmission, or `missing`
  std::string uid;                  // of that job
  std::string words;                // of a job that has not started: what is used, a sentence part
  std::optional<Obstacle> missing;  // why its results cannot be used (yet)
};

EarlierJobOf earlier_job_of(const Snapshot& snapshot, const JobFacts& facts);

// At the start: what the job has from now on.
void record_earlier_job(Decision& decision);

}  // namespace parallelrun::op
