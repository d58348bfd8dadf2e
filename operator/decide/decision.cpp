#include "operator/decide/decision.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/json/members.h"
#include "common/pod/job_progress.h"
#include "common/text/counted.h"
#include "operator/pods/children.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;
using std::chrono::seconds;

// After the end workers leave by themselves; what is left then (a sidecar, say) is taken away.
constexpr seconds kTimeToLeave{30};

std::int64_t whole_seconds(std::chrono::milliseconds time) {
  return std::chrono::floor<seconds>(std::max(time, std::chrono::milliseconds(0))).count();
}

}  // namespace

Decision::Decision(const Snapshot& snapshot, const Settings& settings, WallTime now)
    : snapshot_(snapshot),
      settings_(settings),
      now_(now),
      facts_(snapshot.job),
      slots_(arrange(snapshot, facts_)),
      status_(snapshot.job, facts_.generation, now),
      failures_(facts_.infrastructure_failures) {
  for (const Refusal& refusal : snapshot.refusals) refusals_.emplace(refusal.object, &refusal);
}

Plan Decision::make() {
  if (facts_.being_deleted || !facts_.ours) return {};
  if (facts_.finished) {
    const WallTime ended = facts_.completion_time.value_or(now_);
    if (!delete_in_time(ended)) clear_after(facts_.finished_since.value_or(ended), facts_.failed_reason);
    return std::move(plan_);
  }
  std::optional<End> end = end_by_runner();
  if (!end && !facts_.suspend) end = end_by_spec();
  if (!end && facts_.suspend) {
    stop();
  } else {
    if (!end) end = end_by_deadline();
    if (!end) {
      start();
      if (!spec_problem_) end = replace_what_is_lost();
    }
    if (end) {
      finish(*end);
    } else {
      ensure_objects();
      create_pods();
      remove_pods();
      record_pods();
      record_running();
    }
  }
  plan_.status = status_.take();
  return std::move(plan_);
}

// A result is a fact of the output, whoever of the job's orchestrators tells it; a failure counts only from
// the present one, since its successor may mend it.
std::optional<Decision::End> Decision::end_by_runner() const {
  const Slot& slot = slots_.orchestrator;
  std::vector<const PodView*> pods = slot.older;
  if (slot.current != nullptr) pods.push_back(slot.current);
  for (const PodView* pod : pods) {
    if (!pod->ended || !facts_.start_time) continue;
    const std::optional<RunnerResult> result = runner_result(*pod);
    if (!result || (!result->complete && pod != slot.current)) continue;
    return End{.complete = result->complete,
               .reason = result->reason,
               .message = result->message,
               .at = std::clamp(pod->ended->finished, *facts_.start_time, std::max(now_, *facts_.start_time)),
               .said = result->said};
  }
  return std::nullopt;
}

std::optional<Decision::End> Decision::end_by_spec() {
  const bool seen = facts_.observed_generation == facts_.generation && !facts_.spec_refused;
  if (facts_.start_time && seen) return std::nullopt;
  const auto failed = [&](const char* reason, std::string message) {
    return End{.complete = false, .reason = reason, .message = std::move(message), .at = now_};
  };
  const std::string unreadable = text_at(snapshot_.job, "unreadable");
  if (!unreadable.empty()) return failed(JobFacts::kInvalidSpec, "the job cannot be read: " + unreadable);
  if (const Status checked = check_job(snapshot_.job, settings_); !checked.ok()) {
    // A slip of the pen is no reason to give up what has run for hours.
    if (facts_.start_time) {
      spec_problem_ = checked.error().message;
      return std::nullopt;
    }
    return failed(JobFacts::kInvalidSpec, checked.error().message + "; make a new job");
  }
  if (facts_.start_time) {
    const std::string hash = spec_hash(snapshot_.job);
    if (comparable(facts_.spec_hash, hash) && facts_.spec_hash != hash) {
      return failed("SpecChanged",
                    "a field that identifies the job (code, inputs, side inputs, output, arguments, "
                    "environment, miniBatchSize) was changed after its start; make a new job");
    }
  }
  return std::nullopt;
}

WallTime Decision::active_since() const { return facts_.resume_time.value_or(*facts_.start_time); }

std::optional<Decision::End> Decision::end_by_deadline() {
  if (!facts_.deadline || !facts_.start_time) return std::nullopt;
  const seconds left = *facts_.deadline - facts_.active_before;
  // A job that goes on now has its first moment now.
  const WallTime due = (facts_.suspended ? now_ : active_since()) + left;
  if (now_ < due) {
    again_at(due);
    return std::nullopt;
  }
  return End{.complete = false,
             .reason = "DeadlineExceeded",
             .message = fmt::format(
                 "the job was active for {} s, and activeDeadlineSeconds allows no more; what was committed "
                 "stays in the output. If you create the job again, it goes on from there",
                 facts_.deadline->count()),
             .at = now_};
}

void Decision::finish(const End& end) {
  const std::string state = end.complete ? "Complete" : "Failed";
  status_.condition(state, true, end.reason, end.message);
  if (find_condition(status_.draft(), "Running") != nullptr || facts_.start_time) {
    status_.condition("Running", false, state, end.message);
  }
  if (facts_.suspended) status_.condition("Suspended", false, state, end.message);
  status_.set("state", state);
  status_.set("completionTime", format_wall_time(end.at));
  status_.message(end.message);
  status_.set("replicas", 0);
  status_.set("readyReplicas", 0);
  if (failures_ != facts_.infrastructure_failures) status_.set("infrastructureFailures", failures_);
  record_final_progress(end);
  const bool failures = end.reason == "CompletedWithFailures";
  event(!end.complete || failures,
        failures       ? end.reason
        : end.complete ? "Completed"
                       : "Failed",
        end.complete ? end.message : end.reason + ": " + end.message);
  if (facts_.ttl) again_at(end.at + *facts_.ttl);
  // Not from the end: after an outage of the API server that may be long ago, and what kubelets have to tell
  // of workers still on its way.
  clear_after(now_, end.complete ? "" : end.reason);
}

// Progress is the orchestrator's. It ends without having written its last one where the API server was away
// for too long, or where the kubelet would wait no longer; then its last words tell the same.
void Decision::record_final_progress(const End& end) {
  const json& there = object_at(object_at(snapshot_.job, "status"), "progress");
  const json progress = pod::final_progress(end.said, there, format_wall_time(end.at));
  if (!progress.is_object()) return;
  const bool told = std::all_of(pod::kFinalCounts.begin(), pod::kFinalCounts.end(), [&](const char* name) {
    const auto count = progress.find(name);
    const auto before = there.find(name);
    return count == progress.end() || (before != there.end() && *before == *count);
  });
  if (!told) status_.set("progress", progress);
}

// [ttlSecondsAfterFinished]
bool Decision::delete_in_time(WallTime ended) {
  if (!facts_.ttl) return false;
  plan_.delete_job = now_ >= ended + *facts_.ttl;
  if (!plan_.delete_job) again_at(ended + *facts_.ttl);
  return plan_.delete_job;
}

void Decision::clear_after(WallTime told, const std::string& failed_reason) {
  // The runner has told its workers to leave; other ends have told nobody.
  static constexpr std::array<std::string_view, 5> kOwnEnds = {"DeadlineExceeded", "InfrastructureFailures",
                                                               JobFacts::kInternalError,
                                                               JobFacts::kInvalidSpec, "SpecChanged"};
  const bool own = std::find(kOwnEnds.begin(), kOwnEnds.end(), failed_reason) != kOwnEnds.end();
  for (const PodView& pod : snapshot_.pods) {
    if (!pod.owned || is_over(pod)) continue;
    const bool leaving = !own && (pod.role == Role::kWorker ? pod.phase == "Running" : pod.ended.has_value());
    if (leaving && now_ < told + kTimeToLeave) {
      again_at(told + kTimeToLeave);
    } else {
      remove(pod, "the job is finished");
    }
  }
}

// [suspend] Nothing runs, and what was committed stays.
void Decision::stop() {
  if (!facts_.suspended) {
    if (facts_.start_time) {
      status_.set("activeSeconds", facts_.active_before.count() + whole_seconds(now_ - active_since()));
    }
    status_.condition("Suspended", true, "Suspended", "spec.suspend is true");
    event(false, "Suspended",
          facts_.start_time ? "The job's pods are stopped; what was committed stays"
                            : "The job does not start yet");
  }
  if (facts_.start_time) status_.condition("Running", false, "Suspended", "spec.suspend is true");
  status_.set("state", "Suspended");
  status_.message("The job is suspended; to go on, set spec.suspend to false");
  status_.set("replicas", 0);
  status_.set("readyReplicas", 0);
  for (const PodView& pod : snapshot_.pods) {
    if (pod.owned && !is_over(pod)) remove(pod, "the job is suspended");
  }
}

void Decision::start() {
  if (!facts_.start_time) {
    status_.set("startTime", format_wall_time(now_));
    status_.set("specHash", spec_hash(snapshot_.job));
    status_.set("runnerImage", settings_.runner_image);
    status_.set("selector", fmt::format("{}={},{}=worker", kJobLabel, facts_.name, kRoleLabel));
    event(false, "Started",
          fmt::format("Creating the orchestrator and {}", counted(facts_.node_count, "worker pod")));
  } else if (facts_.suspended) {
    status_.set("resumeTime", format_wall_time(now_));
  }
  if (facts_.suspended) {
    status_.condition("Suspended", false, "Resumed", "spec.suspend is false");
    event(false, "Resumed", "The job goes on from what was committed");
  }
}

}  // namespace parallelrun::op
