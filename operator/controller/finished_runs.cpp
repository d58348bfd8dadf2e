#include "operator/controller/finished_runs.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "common/json/compact_text.h"
#include "common/json/members.h"
#include "operator/controller/job_record.h"
#include "operator/decide/conditions.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;

const json& output_of(const json& job) {
  return object_at(object_at(object_at(job, "spec"), "output"), "source");
}

std::string volume_of(const json& job) {
  json source = output_of(job);
  source.erase("subPath");
  return compact_text(source);
}

}  // namespace

void FinishedRuns::job_changed(const kube::ObjectKey& key, const json* job) {
  std::set<std::string> volumes;
  Run run;
  if (job != nullptr && state_of(*job) == to_string(JobState::kComplete)) {
    const json& status = object_at(*job, "status");
    const json& reuse = object_at(status, "reuse");
    const std::string record = text_at(reuse, "record");
    if (!record.empty() && !output_of(*job).empty()) volumes.insert(volume_of(*job));
    run = {text_at(status, "completionTime"),
           {key.name, text_at(output_of(*job), "subPath"), text_at(reuse, "spec"), record}};
  }
  const std::lock_guard lock(mutex_);
  runs_.erase(key);
  if (!volumes.empty()) runs_.emplace(key, std::move(run));
  jobs_.names(key, std::move(volumes));
}

std::vector<EarlierRun> FinishedRuns::for_job(const Snapshot& snapshot) const {
  const bool has_orchestrator = std::any_of(
      snapshot.pods.begin(), snapshot.pods.end(),
      [](const PodView& pod) { return pod.owned && pod.role == Role::kOrchestrator && !is_over(pod); });
  if (has_orchestrator || finished(snapshot.job)) return {};
  const json& metadata = object_at(snapshot.job, "metadata");
  std::vector<Run> runs;
  {
    const std::lock_guard lock(mutex_);
    for (const kube::ObjectKey& job : jobs_.of({text_at(metadata, "namespace"), volume_of(snapshot.job)})) {
      if (job.name != text_at(metadata, "name")) runs.push_back(runs_.at(job));
    }
  }
  std::stable_sort(runs.begin(), runs.end(),
                   [](const Run& a, const Run& b) { return a.completed > b.completed; });
  if (runs.size() > kMost) runs.resize(kMost);
  std::vector<EarlierRun> newest;
  for (Run& run : runs) newest.push_back(std::move(run.run));
  return newest;
}

}  // namespace parallelrun::op
