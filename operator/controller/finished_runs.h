// The complete jobs whose results later jobs may reuse [allow_reuse], by namespace and volume of their
// output. Thread-safe.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "common/json/json.h"
#include "common/kube/watch_state.h"
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
  using Volume = std::pair<std::string, std::string>;  // namespace, and the volume's source as text

  mutable std::mutex mutex_;
  std::map<kube::ObjectKey, Volume> volumes_;          // of the jobs that are among `runs_`
  std::map<Volume, std::map<std::string, Run>> runs_;  // by the job's name
};

}  // namespace parallelrun::op
