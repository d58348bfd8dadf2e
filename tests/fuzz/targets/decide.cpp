// A decision about any job and any pods, with numbers near every limit: no arithmetic goes wrong, what is
// written is what the schema takes, pods are removed and created by the rules of decide.h, and writing the
// status brings the job to rest.
#include "operator/decide/decide.h"

#include <algorithm>
#include <set>
#include <string>

#include "common/json/json.h"
#include "common/spec/utf8.h"
#include "tests/fuzz/draw.h"
#include "tests/fuzz/fuzz_target.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;

constexpr std::size_t kMostNodes = 64;  // more is for the bound of the schema

template <std::size_t N>
std::string one_of(fuzz::Draw& draw, const std::array<const char*, N>& words) {
  return words[draw.up_to(N - 1)];
}

WallTime drawn_time(fuzz::Draw& draw) {
  constexpr std::int64_t kYear2200 = 7'258'118'400;
  const auto now = static_cast<std::int64_t>(1'780'000'000);
  switch (draw.u8() % 4) {
    case 0:
      return WallTime(std::chrono::seconds(draw.u64() % static_cast<std::uint64_t>(kYear2200)));
    case 1:
      return WallTime{};
    default:
      return WallTime(std::chrono::seconds(now + draw.u8() - 128));
  }
}

json sound_job() {
  return json::parse(R"({
    "apiVersion": "parallelrun.dev/v1alpha1", "kind": "ParallelRunJob",
    "metadata": {"name": "digits", "namespace": "team", "uid": "u-1", "generation": 3, "resourceVersion": "7"},
    "spec": {"entryScript": "digits.py", "nodeCount": 2, "sourceDirectory": {"configMap": {"name": "code"}},
      "inputs": [{"name": "images", "source": {"persistentVolumeClaim": {"claimName": "data"}}}],
      "output": {"source": {"persistentVolumeClaim": {"claimName": "results"}, "subPath": "digits"}}}})");
}

json drawn_condition(fuzz::Draw& draw) {
  return {{"type", one_of(draw, std::array{"Running", "Suspended", "Complete", "Failed", "Other"})},
          {"status", one_of(draw, std::array{"True", "False", "Unknown"})},
          {"reason", one_of(draw, std::array{"Running", "InvalidSpec", "Starting", "DeadlineExceeded"})},
          {"message", draw.string(16)},
          {"lastTransitionTime", format_wall_time(drawn_time(draw))}};
}

json drawn_status(fuzz::Draw& draw) {
  json status = json::object();
  if (draw.flag()) status["startTime"] = format_wall_time(drawn_time(draw));
  if (draw.up_to(3) == 0) status["completionTime"] = format_wall_time(drawn_time(draw));
  if (draw.up_to(3) == 0) status["resumeTime"] = format_wall_time(drawn_time(draw));
  for (const char* name :
       {"observedGeneration", "activeSeconds", "infrastructureFailures", "replicas", "readyReplicas"}) {
    if (draw.flag()) status[name] = draw.extreme();
  }
  if (draw.flag()) status["orchestrator"] = {{"incarnation", draw.extreme()}, {"uid", draw.string(2)}};
  if (draw.flag()) {
    status["workers"] = json::array();
    for (std::size_t i = draw.up_to(3); i > 0; --i) {
      status["workers"].push_back({{"index", draw.extreme()}, {"incarnation", draw.extreme()}});
    }
  }
  if (draw.flag()) {
    status["conditions"] = json::array();
    for (std::size_t i = draw.up_to(3); i > 0; --i) status["conditions"].push_back(drawn_condition(draw));
  }
  return status;
}

json drawn_job(fuzz::Draw& draw) {
  json job = sound_job();
  json& spec = job["spec"];
  job["metadata"]["generation"] = draw.flag() ? 3 : draw.extreme();
  spec["nodeCount"] = draw.up_to(3) == 0 ? draw.up_to(kMostNodes) : draw.up_to(4);
  if (draw.up_to(3) == 0) spec["suspend"] = true;
  if (draw.up_to(3) == 0) spec["ttlSecondsAfterFinished"] = draw.extreme();
  if (draw.up_to(3) == 0) spec["activeDeadlineSeconds"] = draw.extreme();
  if (draw.up_to(15) == 0) spec["miniBatchSize"] = draw.extreme();
  if (draw.up_to(15) == 0) job["metadata"]["deletionTimestamp"] = format_wall_time(drawn_time(draw));
  if (draw.flag()) job["status"] = drawn_status(draw);
  return job;
}

PodView drawn_pod(fuzz::Draw& draw, std::size_t number) {
  PodView pod;
  pod.role = draw.up_to(2) == 0 ? Role::kOrchestrator : Role::kWorker;
  pod.index = pod.role == Role::kWorker ? (draw.up_to(7) == 0 ? static_cast<std::uint32_t>(draw.extreme())
                                                              : static_cast<std::uint32_t>(draw.up_to(3)))
                                        : 0;
  pod.incarnation = draw.up_to(7) == 0 ? static_cast<std::uint32_t>(draw.extreme() & 0x7fffffff)
                                       : static_cast<std::uint32_t>(draw.up_to(2));
  pod.name =
      pod_name("digits", {.role = pod.role, .index = pod.index, .incarnation = pod.incarnation, .ended = {}});
  pod.uid = "p-" + std::to_string(number);
  pod.owned = draw.up_to(7) != 0;
  pod.deleting = draw.up_to(7) == 0;
  pod.created = drawn_time(draw);
  pod.phase = one_of(draw, std::array{"Pending", "Running", "Succeeded", "Failed", "Unknown"});
  pod.reason = one_of(draw, std::array{"", "", "Evicted", "OutOfcpu", "NodeLost"});
  pod.ready = draw.flag();
  pod.disrupted = draw.up_to(7) == 0;
  if (draw.up_to(3) == 0)
    pod.waiting_reason = one_of(draw, std::array{"ImagePullBackOff", "CrashLoopBackOff"});
  if (draw.up_to(3) == 0) pod.unscheduled_reason = "Unschedulable";
  if (draw.flag()) {
    pod.ended = PodView::Ended{
        draw.flag() ? 0 : static_cast<int>(draw.extreme()), "Error",
        draw.flag() ? R"({"state":"Complete","reason":"Completed","itemsTotal":5})" : draw.string(64),
        drawn_time(draw), drawn_time(draw)};
  }
  return pod;
}

Snapshot drawn_snapshot(fuzz::Draw& draw) {
  Snapshot snapshot;
  snapshot.job = drawn_job(draw);
  std::set<std::string> names;
  for (std::size_t i = draw.up_to(6); i > 0; --i) {
    PodView pod = drawn_pod(draw, i);
    if (names.insert(pod.name).second) snapshot.pods.push_back(std::move(pod));
  }
  if (draw.flag()) snapshot.secret_generation = draw.extreme();
  snapshot.service_exists = draw.flag();
  snapshot.account_exists = draw.flag();
  if (draw.up_to(3) == 0) {
    snapshot.refusals.push_back({"Pod digits-worker-0-0",
                                 one_of(draw, std::array{"Forbidden", "Invalid", "AlreadyExists"}),
                                 draw.string(32), drawn_time(draw)});
  }
  return snapshot;
}

void check_status(const json& status) {
  const std::string text = status.dump(-1, ' ', false, json::error_handler_t::replace);
  for (const char* name : {"replicas", "readyReplicas", "infrastructureFailures", "activeSeconds"}) {
    if (!status.contains(name)) continue;
    const auto value = status[name].get<std::int64_t>();
    HOLDS_ELSE(text, value >= 0);
    const bool is_int32 = name == std::string_view("replicas") || name == std::string_view("readyReplicas");
    if (is_int32) HOLDS_ELSE(text, value <= INT32_MAX);
  }
  for (const json& condition : status.value("conditions", json::array())) {
    const std::string known = condition.value("type", "");
    if (known == "Other") continue;
    HOLDS_ELSE(text, condition.at("message").get<std::string>().size() <= 32768);
  }
}

void check_plan(const Plan& plan, const Snapshot& snapshot, WallTime now) {
  const json& job = snapshot.job;
  const auto nodes = job["spec"]["nodeCount"].get<std::int64_t>();
  std::set<std::string> removed;
  for (const PodRemoval& removal : plan.remove) {
    const auto pod = std::find_if(snapshot.pods.begin(), snapshot.pods.end(),
                                  [&](const PodView& one) { return one.uid == removal.uid; });
    HOLDS(pod != snapshot.pods.end() && pod->name == removal.name && pod->owned);
    HOLDS(removed.insert(removal.name).second);
  }
  std::set<std::string> created;
  for (const PodIdentity& identity : plan.create) {
    const std::string name = pod_name("digits", identity);
    HOLDS_ELSE(name, created.insert(name).second);
    HOLDS_ELSE(name,
               identity.role == Role::kOrchestrator || identity.index < std::max<std::int64_t>(nodes, 1));
    HOLDS_ELSE(name, !job["spec"].value("suspend", false));
  }
  HOLDS(plan.create.size() <= static_cast<std::size_t>(std::max<std::int64_t>(nodes, 1)) + 1);
  // A time that is past is one at which something new follows: not the same again, and again.
  if (plan.again_at && !plan.status) HOLDS(*plan.again_at > now);
  for (const JobEvent& event : plan.events) HOLDS(!event.reason.text().empty());
  if (plan.status) check_status(*plan.status);
  if (plan.status &&
      (plan.status->value("state", "") == "Complete" || plan.status->value("state", "") == "Failed")) {
    HOLDS(plan.create.empty());
  }
}

FUZZ_TARGET(decide) {
  fuzz::Draw draw(bytes);
  Settings settings;
  settings.runner_image = "runner:1";
  settings.infrastructure_failures = draw.flag() ? 10 : draw.u32();
  settings.infrastructure_failures_per_worker = draw.flag() ? 5 : draw.u32();
  const WallTime now = drawn_time(draw);
  Snapshot snapshot = drawn_snapshot(draw);
  Plan plan = decide(snapshot, settings, now);
  check_plan(plan, snapshot, now);
  // The status is written, and nothing else is done: after few rounds it has nothing new to say.
  int rounds = 0;
  while (plan.status && ++rounds < 6) {
    json status = *plan.status;
    const json before = snapshot.job.value("status", json::object());
    if (!status.contains("progress") && before.contains("progress")) status["progress"] = before["progress"];
    snapshot.job["status"] = status;
    plan = decide(snapshot, settings, now);
    check_plan(plan, snapshot, now);
  }
  HOLDS_ELSE(snapshot.job.dump(1, ' ', false, json::error_handler_t::replace), rounds < 6);
}

}  // namespace
}  // namespace parallelrun::op
