#include "operator/controller/snapshot_reader.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/json/members.h"
#include "common/spec/dataset_use.h"
#include "operator/controller/job_record.h"
#include "operator/controller/pod_record.h"
#include "operator/pods/children.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;

// The views of the pods; `promised` grows to the newest generation that the Secret had by what they say.
std::vector<PodView> views_of(const JobMemory::Pods& pods, const std::set<std::string>& removed,
                              const std::string& job, const std::string& job_uid, std::int64_t& promised) {
  std::vector<PodView> views;
  views.reserve(pods.size());
  for (const auto& [key, object] : pods) {
    const json record = object.body.unpack();
    if (job_of_record(record) != job) continue;
    PodView view = pod_view(key, object.uid, record, job_uid);
    if (removed.contains(object.uid)) view.deleting = true;
    if (view.owned) promised = std::max(promised, secret_generation_of_record(record));
    views.push_back(std::move(view));
  }
  return views;
}

// As far as the job names any.
DatasetsSeen datasets_seen(const json& job, const std::string& name_space, const Caches& caches) {
  DatasetsSeen seen;
  const std::vector<DatasetUse> uses = dataset_uses_in(job);
  if (uses.empty() || finished(job)) return seen;
  seen.known = caches.knows_datasets(name_space);
  bool all = true;
  for (const DatasetUse& use : uses) {
    if (seen.named.contains(use.name)) continue;
    if (const auto found = caches.dataset({name_space, use.name})) {
      seen.named.emplace(use.name, found->body.unpack());
    } else {
      all = false;
    }
  }
  if (!all) seen.others = caches.dataset_names(name_space);
  return seen;
}

EarlierJobSeen earlier_job_seen(const json& job, const std::string& name_space, const Caches& caches) {
  EarlierJobSeen seen;
  const std::string name = earlier_job_named_in(job);
  if (name.empty()) return seen;
  if (const auto found = caches.job({name_space, name})) {
    seen.job = found->body.unpack();
  } else {
    seen.others = caches.job_names(name_space);
    std::erase(seen.others, text_at(object_at(job, "metadata"), "name"));
  }
  return seen;
}

}  // namespace

std::string key_text(const kube::ObjectKey& key) { return key.name_space + "/" + key.name; }

kube::ObjectKey key_of(const std::string& text) {
  const auto slash = text.find('/');
  if (slash == std::string::npos) return {"", text};
  return {text.substr(0, slash), text.substr(slash + 1)};
}

std::optional<Snapshot> read_snapshot(const kube::ObjectKey& job, const Caches& caches, JobMemories& memories,
                                      kube::Time now) {
  auto cached = caches.job(job);
  if (!cached) return std::nullopt;
  auto pods = caches.pods_of(job);
  const auto service = caches.service({job.name_space, service_name(job.name)});

  Snapshot snapshot;
  std::set<std::string> removed;
  kube::CachedObject latest;
  memories.with(key_text(job), [&](JobMemory& memory) {
    latest = memory.latest_job(std::move(*cached));
    memory.merge_pods(pods, removed, now);
  });
  snapshot.job = latest.body.unpack();
  const std::int64_t job_generation =
      number_at(object_at(snapshot.job, "metadata"), "generation").value_or(0);
  std::int64_t promised = -1;
  snapshot.pods = views_of(pods, removed, job.name, latest.uid, promised);
  bool service_cached = false;
  if (service) {
    const json record = service->body.unpack();
    service_cached = text_at(record, "owner") == latest.uid;
    if (service_cached) promised = std::max(promised, secret_generation_of_record(record));
  }
  snapshot.earlier = earlier_job_seen(snapshot.job, job.name_space, caches);
  snapshot.datasets = datasets_seen(snapshot.job, job.name_space, caches);
  snapshot.account_exists = memories.has_account(job.name_space);
  std::set<std::string> pod_uids;
  for (const PodView& pod : snapshot.pods) {
    pod_uids.insert(pod.uid);
    // A pod is admitted only with its service account, and the role binding is made before it. One that is
    // over tells of earlier times.
    const bool there = !pod.deleting && !is_over(pod);
    if (pod.owned && pod.role == Role::kOrchestrator && there) snapshot.account_exists = true;
  }
  memories.with(key_text(job), [&](JobMemory& memory) {
    snapshot.refusals = memory.refusals(job_generation, now);
    const auto generation = memory.secret_generation(latest.uid, promised);
    if (generation >= 0) snapshot.secret_generation = generation;
    snapshot.service_exists = memory.service_exists(latest.uid, service_cached, now);
    memory.forget_warnings_but(pod_uids);
    for (PodView& pod : snapshot.pods) pod.warnings = memory.warnings(pod.uid);
  });
  return snapshot;
}

}  // namespace parallelrun::op
