// The complete jobs whose results later jobs may reuse [allow_reuse], by namespace and volume of their
// output. Thread-safe.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "common/kube/watch_state.h"
#include "operator/controller/jobs_by_name.h"
#include "operator/decide/snapshot.h"

namespace parallelrun::op {

class FinishedRuns {
 public:
  static constexpr std::size_t kMost = 1000;  // that are given at a time

  // `job` as it is now; null: it is gone.
  void job_changed(const kube::ObjectKey& key, const nlohmann::json* job);

  // What a job that is to start has to choose from: the newest first; nothing, where an orchestrator of it
  // lives already, or the job is at its end.
  std::vector<EarlierRun> for_job(const Snapshot& snapshot) const;

 private:
  struct Run {
    std::string completed;  // RFC 3339
    EarlierRun run;
  };

  mutable std::mutex mutex_;  // of both: a run is never found under a volume that its job has left
  std::map<kube::ObjectKey, Run> runs_;
  JobsByName jobs_;  // those of `runs_`, by the source of their output's volume as text
};

}  // namespace parallelrun::op
