// What the controller knows of a job beyond the caches: its own writes that the caches do not show yet,
// writes that were refused, warnings it has read. All of it may be lost; then a few requests are repeated
// that change nothing. Time goes in; no clock, lock or thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/json/json.h"
#include "common/kube/api_error.h"
#include "common/kube/time.h"
#include "common/kube/watch_state.h"
#include "operator/decide/snapshot.h"

namespace parallelrun::op {

class JobMemory {
 public:
  using Pods = std::vector<std::pair<kube::ObjectKey, kube::CachedObject>>;

  // The job's status was written: `before` is the state that the write was conditioned on.
  void wrote_job(const std::string& before_version, kube::CachedObject after);
  // `cached`, or what was written where the cache has not caught up.
  kube::CachedObject latest_job(kube::CachedObject cached);
  // Whether a change to this version is our own write.
  bool wrote_version(const std::string& version) const;

  void created_pod(const kube::ObjectKey& key, kube::CachedObject pod, kube::Time now);
  void removed_pod(const std::string& uid, kube::Time now);
  void pod_vanished(const std::string& name, const std::string& uid);
  // Adds what was created and is not in the cache yet; what was removed by uid is put into `removed`.
  void merge_pods(Pods& pods, std::set<std::string>& removed, kube::Time now);
  // When something that the cache never confirmed is to be forgotten.
  std::optional<kube::Time> unsettled_until() const;

  // The Secret of the job with this uid holds job.json of that generation.
  void wrote_secret(const std::string& job_uid, std::int64_t generation);
  // A kubelet says that there is no Secret, whatever pods and Service promise.
  void lost_secret();
  // The larger of what was written and what the caches promise; -1: there is none.
  std::int64_t secret_generation(const std::string& job_uid, std::int64_t promised);
  void wrote_service(const std::string& job_uid, kube::Time now);
  // `cached` is whether the cache shows it.
  bool service_exists(const std::string& job_uid, bool cached, kube::Time now);

  // `object` as Refusal has it. Says when to try again: a second after the first time, up to a minute.
  // `quiet` refusals are held back but not told to the decision.
  kube::Time refused(const std::string& object, const kube::ApiError& error, bool quiet,
                     std::int64_t generation, WallTime wall, kube::Time now);
  void accepted(const std::string& object) { refusals_.erase(object); }
  // When a write of that object may be tried again, if it has to wait.
  std::optional<kube::Time> held_until(const std::string& object, kube::Time now) const;
  // Those of this generation of the job; what was refused of another one is forgotten.
  std::vector<Refusal> refusals(std::int64_t generation, kube::Time now);

  // Reading events is bounded: each pod once in a while.
  bool may_read_warnings(const std::string& pod_uid, kube::Time now) const;
  void read_warnings(const std::string& pod_uid, std::vector<PodView::Warning> warnings, kube::Time now);
  const std::vector<PodView::Warning>& warnings(const std::string& pod_uid) const;
  // Keeps those of living pods only.
  void forget_warnings_but(const std::set<std::string>& pod_uids);

  // Work on the job threw, or did not. Gives how often it did in a row.
  std::size_t threw() { return ++throws_; }
  void did_not_throw() { throws_ = 0; }

  // Whether forgetting it would make no difference.
  bool empty() const;

 private:
  struct Created {
    kube::ObjectKey key;
    kube::CachedObject pod;
    kube::Time until;
  };
  struct Held {
    Refusal refusal;
    std::size_t attempts = 0;
    kube::Time retry_at{};
    bool quiet = false;
    std::int64_t generation = 0;  // of the job
  };
  struct Warnings {
    std::vector<PodView::Warning> found;
    kube::Time read_at{};
  };

  std::optional<kube::CachedObject> job_;
  std::set<std::string> superseded_;  // versions of the job that job_ is newer than
  std::map<std::string, Created> created_;
  std::map<std::string, kube::Time> removed_;  // by uid, with when to stop believing it
  std::string secret_of_;                      // uid of the job
  std::int64_t secret_generation_ = -1;
  bool secret_lost_ = false;
  std::string service_of_;
  kube::Time service_until_{};
  std::size_t throws_ = 0;
  std::map<std::string, Held> refusals_;
  std::map<std::string, Warnings> warnings_;  // by uid of the pod
};

}  // namespace parallelrun::op
