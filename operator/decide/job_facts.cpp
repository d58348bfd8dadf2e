#include "operator/decide/job_facts.h"

#include <algorithm>
#include <array>
#include <limits>

#include "common/hash/sha256.h"
#include "common/json/compact_text.h"
#include "common/json/members.h"
#include "common/spec/manifest.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;

constexpr const char* kOwnName = "parallelrun.dev/operator";
constexpr std::string_view kHashedForm = "1-";

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

std::optional<std::chrono::seconds> seconds(const json& object, const char* key) {
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

bool is_true(const json& status, const char* condition) {
  const json* found = find_condition(status, condition);
  return found != nullptr && text_at(*found, "status") == "True";
}

}  // namespace

const json* find_condition(const json& status, const std::string& type) {
  const json& conditions = member(status, "conditions");
  if (!conditions.is_array()) return nullptr;
  const auto found = std::find_if(conditions.begin(), conditions.end(),
                                  [&](const json& one) { return text_at(one, "type") == type; });
  return found == conditions.end() ? nullptr : &*found;
}

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
  ttl = seconds(spec, "ttlSecondsAfterFinished");
  deadline = seconds(spec, "activeDeadlineSeconds");

  const json& status = member(job, "status");
  observed_generation = number_at(status, "observedGeneration");
  start_time = time(status, "startTime");
  completion_time = time(status, "completionTime");
  resume_time = time(status, "resumeTime");
  active_before = seconds(status, "activeSeconds").value_or(std::chrono::seconds(0));
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
  const json* running = find_condition(status, "Running");
  spec_refused = running != nullptr && text_at(*running, "reason") == kInvalidSpec;
  suspended = is_true(status, "Suspended");
  const bool failed = is_true(status, "Failed");
  finished = failed || is_true(status, "Complete");
  if (finished) {
    const json& end = *find_condition(status, failed ? "Failed" : "Complete");
    finished_since = time(end, "lastTransitionTime");
    if (failed) failed_reason = text_at(end, "reason");
  }
}

std::string spec_hash(const json& job) {
  // The names that the schema's rules hold fast too, in the form that has defaults written out.
  static constexpr std::array kIdentity = {"entryScript",  "sourceDirectory",  "environment", "inputs",
                                           "sideInputs",   "output",           "arguments",   "miniBatchSize",
                                           "outputAction", "appendRowFileName"};
  const json spec = to_json(parse_manifest_document(job, Place::kCluster).spec).at("spec");
  json hashed = json::object();
  for (const char* field : kIdentity) {
    if (const auto found = spec.find(field); found != spec.end()) hashed[field] = *found;
  }
  return std::string(kHashedForm) + sha256_hex(compact_text(hashed));
}

bool comparable(const std::string& recorded_hash, const std::string& hash) {
  return recorded_hash.starts_with(kHashedForm) && hash.starts_with(kHashedForm);
}

}  // namespace parallelrun::op
