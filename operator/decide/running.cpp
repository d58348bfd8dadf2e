#include "operator/decide/running.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "common/json/members.h"
#include "operator/decide/loss.h"
#include "operator/decide/runner_result.h"
#include "operator/decide/stage_of_work.h"

namespace parallelrun::op {
namespace {

using std::chrono::seconds;

constexpr seconds kFirstLook{5};
constexpr seconds kLongestLook{300};
// A worker that failed so often in a row is told of, until a pod of it has run for so long.
constexpr std::int64_t kFailuresTold = 2;
constexpr seconds kSteady{60};

// When a pod that was made then is looked at again: after 5, 10, 20 ... s, later every 5 minutes.
WallTime next_look(WallTime created, WallTime now) {
  seconds step = kFirstLook;
  WallTime next = created + step;
  while (next <= now) {
    next += step;
    step = std::min(2 * step, kLongestLook);
    if (next + kLongestLook < now) next += (now - next) / kLongestLook * kLongestLook;
  }
  return next;
}

// What keeps this pod from running, into `obstacle` where there is none yet; and when it may be known.
void look(Decision& decision, const PodView& pod, std::optional<Obstacle>& obstacle) {
  if (loss_of(pod) != Loss::kNone || runs(pod)) return;
  if (!obstacle) obstacle = obstacle_of(pod, decision.now);
  const WallTime scheduled = pod.created + kTimeToSchedule;
  if (!pod.unscheduled_reason.empty() && decision.now < scheduled) decision.again_at(scheduled);
  if (!is_stuck(pod)) return;
  decision.again_at(next_look(pod.created, decision.now));
  if (decision.now >= pod.created + kTimeToStart) decision.plan.read_warnings_of.push_back(pod.name);
}

bool is_steady(Decision& decision, const Slot& slot) {
  if (slot.current == nullptr || !runs(*slot.current)) return false;
  if (slot.failures < kFailuresTold) return true;
  const WallTime proven = slot.current->created + kSteady;
  if (decision.now < proven && slot.current->created <= decision.now) decision.again_at(proven);
  return decision.now >= proven;
}

// The worker that has failed most often in a row.
std::optional<Obstacle> failing_worker(Decision& decision) {
  const Slot* worst = nullptr;
  for (const Slot& slot : decision.slots.workers) {
    if (slot.failures < kFailuresTold || is_steady(decision, slot)) continue;
    if (worst == nullptr || slot.failures > worst->failures) worst = &slot;
  }
  if (worst == nullptr) return std::nullopt;
  const std::string why =
      worst->older.empty() ? "see the events of the job" : reason_of_loss(*worst->older.back());
  return Obstacle{
      Reason::kWorkersFailing,
      fmt::format("worker {} fails again and again. The last failure: {}. It is started again after longer "
                  "and longer pauses (at most {} s)",
                  worst->index, why, kLongestPause.count())};
}

void tell(Decision& decision, bool holds, const ReasonWord& reason, const std::string& message) {
  StatusDraft& status = decision.status;
  const nlohmann::json* before = find_condition(status.draft(), ConditionType::kRunning);
  const bool same = before != nullptr && text_at(*before, "reason") == reason.text() &&
                    text_at(*before, "status") == (holds ? "True" : "False");
  const std::string told = same ? text_at(*before, "message") : std::string();
  // The scheduler counts nodes anew and the kubelet its tries; that is no news. Nor is another pod of the
  // same trouble.
  const bool keep =
      same && (without_digits(told) == without_digits(message) || reason == Reason::kImagePullFailed);
  const std::string text = keep ? told : message;
  status.condition(ConditionType::kRunning, holds, reason, text);
  status.state(holds ? JobState::kRunning : JobState::kPending);
  status.message(text);
  const bool quiet = reason == Reason::kRunning || reason == Reason::kStarting;
  if (!same && !quiet) decision.event(true, reason, text);
}

void tell(Decision& decision, bool holds, const Obstacle& obstacle) {
  tell(decision, holds, obstacle.reason, obstacle.message);
}

void tell_invalid_spec(Decision& decision, bool orchestrator_runs, const std::string& problem) {
  tell(decision, orchestrator_runs, Reason::kInvalidSpec,
       fmt::format("the spec was changed and is not valid any more: {}. Correct it with kubectl edit or "
                   "apply. Until then {}",
                   problem,
                   orchestrator_runs
                       ? "the running pods go on with the last valid spec, and no lost pod is replaced"
                       : "the job waits, because its orchestrator does not run and cannot be replaced"));
}

}  // namespace

void tell_waiting(Decision& decision, const Obstacle& awaited) { tell(decision, false, awaited); }

void tell_running(Decision& decision, const SpecVerdict& spec, Obstacles obstacles) {
  const PodView* orchestrator = decision.slots.orchestrator.current;
  const bool orchestrator_runs = orchestrator != nullptr && runs(*orchestrator);
  if (orchestrator != nullptr) look(decision, *orchestrator, obstacles.orchestrator);
  bool worker_runs = false;
  for (const Slot& slot : decision.slots.workers) {
    if (slot.current == nullptr) continue;
    look(decision, *slot.current, obstacles.worker);
    worker_runs = worker_runs || is_steady(decision, slot);
  }
  if (!obstacles.worker) obstacles.worker = failing_worker(decision);

  if (spec.problem) {
    tell_invalid_spec(decision, orchestrator_runs, *spec.problem);
  } else if (!orchestrator_runs && obstacles.object) {
    tell(decision, false, *obstacles.object);
  } else if (!orchestrator_runs && obstacles.orchestrator) {
    tell(decision, false, *obstacles.orchestrator);
  } else if (!orchestrator_runs) {
    tell(decision, false, Reason::kStarting, "The orchestrator's pod is starting");
  } else if (!obstacles.worker) {
    tell(decision, true, Reason::kRunning, work_in_words(decision.progress()));
  } else if (worker_runs) {
    tell(decision, true, Reason::kWorkersMissing, "Not all workers run: " + obstacles.worker->message);
  } else {
    tell(decision, false, *obstacles.worker);
  }
}

}  // namespace parallelrun::op
