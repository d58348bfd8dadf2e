// What to do about a job now. Passive: the applier does it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "common/result/result.h"
#include "operator/decide/conditions.h"
#include "operator/decide/snapshot.h"
#include "operator/pods/checked_job.h"

namespace parallelrun::op {

struct PodRemoval {
  std::string name;
  std::string uid;  // precondition
  std::string why;  // for the log
};

struct JobEvent {
  bool warning = false;
  ReasonWord reason;
  std::string message;
  std::string same_as = {};  // what is the same event again has the same here; empty: the message
};

struct Plan {
  // The whole new status; nothing when it stays as it is. `progress` is in it only where the orchestrator
  // could not write its last one, and else stays as it is. It is written with the job's resourceVersion as
  // precondition. If that fails (a conflict, say), nothing else of the plan is done but what pods need
  // (account, Secret, Service), which is made beside it: pods follow what status has recorded.
  std::optional<nlohmann::json> status;
  std::vector<JobEvent> events;  // after the status write

  bool delete_job = false;  // [ttlSecondsAfterFinished], with the job's uid as precondition
  bool ensure_account = false;
  bool write_secret = false;  // create it, or bring job.json up to date
  bool ensure_service = false;
  std::vector<PodRemoval> remove;
  // In this order, the orchestrator first; after a refusal the rest of the list is left out. A pod of that
  // name that is there already and this job's own is as good as created.
  std::vector<PodIdentity> create;
  // What pods and the Secret are made of, or why the spec cannot be read; there where the plan makes any.
  std::shared_ptr<const Result<CheckedJob>> job;
  // More pods than these are missing: decide again once these are there. (So that one job of many pods costs
  // no more at a time than others.)
  bool more_to_create = false;

  // When to decide again though nothing changes: deadline, TTL, back-off of a replacement.
  std::optional<WallTime> again_at;
  // Pods whose warning events would make the decision better; the controller reads them, each at most once in
  // a while, and decides again.
  std::vector<std::string> read_warnings_of;
};

}  // namespace parallelrun::op
