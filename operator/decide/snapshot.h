// Everything that a decision about one job is made of, read from the caches of the controller.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "operator/decide/wall_time.h"
#include "operator/pods/identity.h"
#include "operator/pods/settings.h"

namespace parallelrun::op {

// A pod of the job: what a decision needs of it.
struct PodView {
  std::string name;
  std::string uid;
  Role role = Role::kWorker;
  std::uint32_t index = 0;
  std::uint32_t incarnation = 0;
  bool owned = true;      // its controller reference names this job's uid
  bool deleting = false;  // has a deletionTimestamp
  WallTime created{};
  bool may_reuse = false;  // orchestrator: PodIdentity::may_reuse
  std::string node;        // empty: not scheduled
  std::string phase;       // "Pending", "Running", "Succeeded", "Failed", "Unknown"
  std::string reason;      // status.reason, such as "Evicted"
  std::string message;     // status.message
  bool ready = false;
  bool disrupted = false;  // condition DisruptionTarget: evicted, preempted, its node is gone
  // Condition PodScheduled=False: its reason and message.
  std::string unscheduled_reason, unscheduled_message;
  // First container, init containers included, that waits for a reason other than its turn.
  std::string waiting_reason, waiting_message;
  // Why its container that reads object stores has failed and does not serve yet; empty: it does, or there is
  // none.
  std::string data_trouble;
  // The runner container, once it has ended. (Sidecars may live on.)
  struct Ended {
    int exit_code = 0;
    std::string reason;   // "OOMKilled", "Error", "Completed"
    std::string message;  // the termination message
    WallTime started{}, finished{};
  };
  std::optional<Ended> ended;
  bool others_run = false;  // a container beside the runner's has not ended
  // Warning events about the pod (FailedMount, FailedScheduling, Failed ...), newest last; read only for
  // pods that do not come up.
  struct Warning {
    std::string reason, message;
    WallTime time{};
  };
  std::vector<Warning> warnings;
};

// Its containers have all ended, sidecars included: it costs nothing but its name. A kubelet tells the ended
// container while the phase is still "Running".
inline bool is_over(const PodView& pod) {
  return pod.phase == "Succeeded" || pod.phase == "Failed" || (pod.ended && !pod.others_run);
}

// The answer to a write that the API server refused, kept by the controller until a write of that name
// succeeds or the job's generation changes.
struct Refusal {
  std::string object;  // kind and name: "Pod digits-worker-0-0"
  // Of the Status object: "Forbidden", "Invalid". "AlreadyExists" only where the object that is there belongs
  // to somebody else: one's own is no refusal.
  std::string reason;
  std::string message;
  WallTime time{};  // of the last try
};

// The datasets of the job's namespace, as far as the job names any.
struct DatasetsSeen {
  bool known = true;  // false: the operator has not been able to list them
  // Those that the job names and that are there, as the server has them.
  std::map<std::string, nlohmann::json> named;
  std::vector<std::string> others;  // the names of all, where one that the job names is not there
};

// The job that this one is a resubmission of, as far as it names one and has not started.
struct EarlierJobSeen {
  std::optional<nlohmann::json> job;  // nothing: there is none of that name
  std::vector<std::string> others;    // then: the names of all others of the namespace
};

// A complete job of the namespace whose results lie on the same volume as those of the job: status.reuse.
struct EarlierRun {
  std::string job;       // its name
  std::string sub_path;  // of its output
  std::string spec;      // digest of what its spec says; empty: not known
  std::string record;    // digest of what it has left in its output
};

// What is older than this process' own writes must not be decided on: `job` is at least as new as the last
// answer to a write of its status. Pods may lag behind.
struct Snapshot {
  nlohmann::json job;  // the custom resource as it was last seen
  // Those that carry the job's name in their labels, of this job (`owned`) or of an earlier one of its name.
  std::vector<PodView> pods;
  // The following are there and this job's own.
  // Of the Secret: the job's generation that its job.json is of. Nothing: there is no Secret.
  std::optional<std::int64_t> secret_generation;
  bool service_exists = false;
  bool account_exists = false;  // service account and role binding of the namespace
  std::vector<Refusal> refusals;
  DatasetsSeen datasets;
  EarlierJobSeen earlier;
  // The newest first. Only while no orchestrator of the job lives.
  std::vector<EarlierRun> earlier_runs;
};

}  // namespace parallelrun::op
