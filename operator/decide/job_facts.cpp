#include "operator/decide/job_facts.h"

#include <algorithm>
#include <limits>

#include "common/json/members.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;

constexpr const char* kOwnName = "parallelrun.dev/operator";

const json& member(const json& object, const char* key) {
  static const json kNothing;
  if (!object.is_object()) return kNothing;
  const auto found = object.find(key);
  return found == object.end() ? kNothing : *found;
}

constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();

std::uint32_t count(const json& object, const char* key, std::uint32_t otherwise) {
  const auto value = number_at(object, key);
  if (!value || *value < 0 || *value > kMost) return otherwise;
  return static_cast<std::uint32_t>(*value);
}

std::int64_t tally(const json& object, const char* key) {
  return std::clamp<std::int64_t>(number_at(object, key).value_or(0), 0, kMost);
}

std::optional<std::chrono::seconds> seconds_at(const json& object, const char* key) {
  const auto value = number_at(object, key);
  if (!value) return std::nullopt;
  return std::chrono::seconds(std::clamp<std::int64_t>(*value, 0, kMost));
}

std::optional<WallTime> time(const json& object, const char* key) {
  return parse_wall_time(text_at(object, key));
}

// All that a pod's identity holds: a number that is written and not read back would charge one failure for
// ever.
std::uint32_t incarnation(const json& object) {
  const auto value = number_at(object, "incarnation");
  if (!value || *value < 0 || *value > std::numeric_limits<std::uint32_t>::max()) return 0;
  return static_cast<std::uint32_t>(*value);
}

PlaceFacts place(const json& object) {
  return {.incarnation = incarnation(object),
          .failures = tally(object, "failures"),
          .not_before = time(object, "notBefore")};
}

bool is_true(const json& status, ConditionType condition) {
  const json* found = find_condition(status, condition);
  return found != nullptr && text_at(*found, "status") == "True";
}

}  // namespace

JobFacts::JobFacts(const json& job) {
  const json& meta = member(job, "metadata");
  name = text_at(meta, "name");
  generation = number_at(meta, "generation").value_or(0);
  being_deleted = !text_at(meta, "deletionTimestamp").empty();

  const json& spec = member(job, "spec");
  const std::string manager = text_at(spec, "managedBy");
  ours = manager.empty() || manager == kOwnName;
  node_count = std::max(count(spec, "nodeCount", 1), 1U);
  suspend = member(spec, "suspend") == true;
  ttl = seconds_at(spec, "ttlSecondsAfterFinished");
  deadline = seconds_at(spec, "activeDeadlineSeconds");

  const json& status = member(job, "status");
  observed_generation = number_at(status, "observedGeneration");
  start_time = time(status, "startTime");
  completion_time = time(status, "completionTime");
  resume_time = time(status, "resumeTime");
  active_before = seconds_at(status, "activeSeconds").value_or(std::chrono::seconds(0));
  spec_hash = text_at(status, "specHash");
  orchestrator = place(member(status, "orchestrator"));
  orchestrator_uid = text_at(member(status, "orchestrator"), "uid");
  if (const json& recorded = member(status, "workers"); recorded.is_array()) {
    for (const json& worker : recorded) workers[count(worker, "index", 0)] = place(worker);
  }
  losses_charged = tally(member(status, "progress"), "lossesCharged");
  infrastructure_failures = tally(status, "infrastructureFailures");
  replicas = tally(status, "replicas");
  ready_replicas = tally(status, "readyReplicas");
  const json* running = find_condition(status, ConditionType::kRunning);
  spec_refused = running != nullptr && text_at(*running, "reason") == to_string(Reason::kInvalidSpec);
  suspended = is_true(status, ConditionType::kSuspended);
  const bool failed = is_true(status, ConditionType::kFailed);
  finished = failed || is_true(status, ConditionType::kComplete);
  if (finished) {
    const json& end = *find_condition(status, failed ? ConditionType::kFailed : ConditionType::kComplete);
    finished_since = time(end, "lastTransitionTime");
    if (failed) failed_reason = ReasonWord::told(text_at(end, "reason"));
  }
}

}  // namespace parallelrun::op
