// What a decision reads out of the custom resource. Internal to the room.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "common/json/json.h"
#include "operator/decide/conditions.h"
#include "operator/decide/wall_time.h"

namespace parallelrun::op {

// What status remembers of a place that pods fill: the orchestrator's, or a worker's.
struct PlaceFacts {
  std::uint32_t incarnation = 0;
  std::int64_t failures = 0;           // in a row, of the pods before this incarnation
  std::optional<WallTime> not_before;  // when the pod of this incarnation may be made
};

// Members that are missing or of another type than the schema's read as absent; numbers and times are cut to
// a range in which sums of them are numbers and times.
struct JobFacts {
  explicit JobFacts(const nlohmann::json& job);

  std::string name;
  std::int64_t generation = 0;
  bool being_deleted = false;
  bool ours = true;  // [managedBy] is absent or names this operator

  std::uint32_t node_count = 1;
  bool suspend = false;
  std::optional<std::chrono::seconds> ttl;       // [ttlSecondsAfterFinished]
  std::optional<std::chrono::seconds> deadline;  // [activeDeadlineSeconds]

  // Of status.
  std::optional<std::int64_t> observed_generation;
  std::optional<WallTime> start_time;
  std::optional<WallTime> completion_time;
  std::optional<WallTime> finished_since;  // when the operator told of the end, which may be long after it
  std::optional<WallTime> resume_time;
  std::chrono::seconds active_before{0};  // until the last suspension
  std::string spec_hash;
  PlaceFacts orchestrator;
  std::string orchestrator_uid;  // of the pod that was seen to run; empty: none yet of this incarnation
  std::map<std::uint32_t, PlaceFacts> workers;  // by index
  // Of `progress`: losses of workers that the orchestrator has charged to a mini-batch.
  std::int64_t losses_charged = 0;
  std::int64_t infrastructure_failures = 0;
  std::int64_t replicas = 0;
  std::int64_t ready_replicas = 0;
  // The last decision found the spec invalid after the start, by the condition Running.
  bool spec_refused = false;
  bool suspended = false;  // condition Suspended
  bool finished = false;   // condition Complete or Failed
  std::optional<ReasonWord> failed_reason;
};

}  // namespace parallelrun::op
