// What to do about a job now. Passive: `apply` does it, in the order of the members.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "operator/decide/snapshot.h"

namespace parallelrun::op {

struct PodIdentity {
  Role role = Role::kWorker;
  std::uint32_t index = 0;        // 0 for the orchestrator
  std::uint32_t incarnation = 0;  // names the pod together with role and index
  // Orchestrator: pods of earlier incarnations that are known to have ended; their Lease may be taken.
  std::vector<std::string> ended;

  bool operator==(const PodIdentity&) const = default;
};

struct PodRemoval {
  std::string name;
  std::string uid;  // precondition
  std::string why;  // for the log
};

struct JobEvent {
  bool warning = false;
  std::string reason;
  std::string message;
};

struct Plan {
  // The whole new status but `progress`; nothing when it stays as it is. If writing it fails (a conflict,
  // say), nothing else of the plan is done: pods follow what status has recorded.
  std::optional<nlohmann::json> status;
  std::vector<JobEvent> events;  // after the status write

  bool delete_job = false;  // [ttlSecondsAfterFinished], with the job's uid as precondition
  bool ensure_account = false;
  bool write_secret = false;  // create it, or bring job.json up to date
  bool ensure_service = false;
  std::vector<PodRemoval> remove;
  std::vector<PodIdentity> create;

  // When to decide again though nothing changes: deadline, TTL, back-off of a replacement.
  std::optional<WallTime> again_at;
  // Pods whose warning events would make the decision better; the controller reads them and decides again.
  std::vector<std::string> read_warnings_of;
};

}  // namespace parallelrun::op
