#include "operator/decide/end.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/pod/job_progress.h"
#include "operator/decide/reuse.h"
#include "operator/decide/runner_result.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;

// Progress is the orchestrator's. It ends without having written its last one where the API server was away
// for too long, or where the kubelet would wait no longer; then its last words tell the same.
void record_final_progress(Decision& decision, const End& end) {
  const json& there = decision.progress();
  const json progress = pod::final_progress(end.said, there, format_wall_time(end.at));
  if (!progress.is_object()) return;
  const bool told = std::all_of(pod::kFinalCounts.begin(), pod::kFinalCounts.end(), [&](const char* name) {
    const auto count = progress.find(name);
    const auto before = there.find(name);
    return count == progress.end() || (before != there.end() && *before == *count);
  });
  if (!told) decision.status.set("progress", progress);
}

}  // namespace

End failed_now(const Decision& decision, Reason reason, std::string message) {
  return {.complete = false, .reason = reason, .message = std::move(message), .at = decision.now};
}

// A result is a fact of the output, whoever of the job's orchestrators tells it; a failure counts only from
// the present one, since its successor may mend it.
std::optional<End> end_by_runner(const Decision& decision) {
  const std::optional<WallTime> started = decision.facts.start_time;
  if (!started) return std::nullopt;
  const Slot& slot = decision.slots.orchestrator;
  std::vector<const PodView*> pods = slot.older;
  if (slot.current != nullptr) pods.push_back(slot.current);
  for (const PodView* pod : pods) {
    if (!pod->ended) continue;
    const std::optional<RunnerResult> result = runner_result(*pod);
    if (!result || (!result->complete && pod != slot.current)) continue;
    return End{.complete = result->complete,
               .reason = result->reason,
               .message = result->message,
               .at = std::clamp(pod->ended->finished, *started, std::max(decision.now, *started)),
               .said = result->said};
  }
  return std::nullopt;
}

void tell_end(Decision& decision, const End& end) {
  StatusDraft& status = decision.status;
  const JobState state = end.complete ? JobState::kComplete : JobState::kFailed;
  const Reason over = end.complete ? Reason::kComplete : Reason::kFailed;
  status.condition(end.complete ? ConditionType::kComplete : ConditionType::kFailed, true, end.reason,
                   end.message);
  if (find_condition(status.draft(), ConditionType::kRunning) != nullptr || decision.facts.start_time) {
    status.condition(ConditionType::kRunning, false, over, end.message);
  }
  if (decision.facts.suspended) status.condition(ConditionType::kSuspended, false, over, end.message);
  status.state(state);
  status.set("completionTime", format_wall_time(end.at));
  status.message(end.message);
  status.set("replicas", 0);
  status.set("readyReplicas", 0);
  record_final_progress(decision, end);
  tell_reuse(decision, end);
  if (!end.complete) {
    decision.event(true, Reason::kFailed, end.reason.text() + ": " + end.message);
  } else {
    const bool failures = end.reason == Reason::kCompletedWithFailures;
    decision.event(failures, failures ? Reason::kCompletedWithFailures : Reason::kCompleted, end.message);
  }
}

}  // namespace parallelrun::op
