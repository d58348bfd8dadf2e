// Everything that a decision about one job is made of, read from the caches of the controller.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace parallelrun::op {

// Wall clock: what timestamps of the API are about.
using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

// Of the command line of the operator, the same for all jobs.
struct Settings {
  std::string runner_image;              // of orchestrators, and of workers without environment.image
  std::string runner_image_pull_policy;  // empty: the cluster's default
  std::vector<std::string> image_pull_secrets;
  nlohmann::json orchestrator_resources;  // defaults of the runner container; what a job says wins
  nlohmann::json worker_resources;
  // Failures of runner containers, over the job, before it is Failed: base + per worker.
  std::uint32_t infrastructure_failures = 10;
  std::uint32_t infrastructure_failures_per_worker = 5;
};

enum class Role : std::uint8_t { kOrchestrator, kWorker };

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
  std::string node;     // empty: not scheduled
  std::string phase;    // "Pending", "Running", "Succeeded", "Failed", "Unknown"
  std::string reason;   // status.reason, such as "Evicted"
  std::string message;  // status.message
  bool ready = false;
  bool disrupted = false;  // condition DisruptionTarget: evicted, preempted, its node is gone
  // Condition PodScheduled=False: its reason and message.
  std::string unscheduled_reason, unscheduled_message;
  // First container, init containers included, that waits for a reason other than its turn.
  std::string waiting_reason, waiting_message;
  // The runner container, once it has ended. (Sidecars may live on.)
  struct Ended {
    int exit_code = 0;
    std::string reason;   // "OOMKilled", "Error", "Completed"
    std::string message;  // the termination message
    WallTime started{}, finished{};
  };
  std::optional<Ended> ended;
  // Warning events about the pod (FailedMount, FailedScheduling, Failed ...), newest last; read only for
  // pods that do not come up.
  struct Warning {
    std::string reason, message;
    WallTime time{};
  };
  std::vector<Warning> warnings;
};

// The answer to a write that the API server refused, kept by the controller until a write of that name
// succeeds.
struct Refusal {
  std::string object;  // "Pod digits-worker-0-0"
  std::string reason;  // of the Status object: "Forbidden", "Invalid", "AlreadyExists"
  std::string message;
  WallTime time{};
};

struct Snapshot {
  nlohmann::json job;  // the custom resource as it was last seen
  std::vector<PodView> pods;
  bool secret_exists = false;
  std::string secret_generation;  // annotation of the Secret: the job's generation that job.json is of
  bool service_exists = false;
  bool account_exists = false;  // service account and role binding of the namespace
  std::vector<Refusal> refusals;
};

}  // namespace parallelrun::op
