#include "operator/decide/decide.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "operator/decide/creation.h"
#include "operator/decide/datasets.h"
#include "operator/decide/deadline.h"
#include "operator/decide/decision.h"
#include "operator/decide/end.h"
#include "operator/decide/failure_budget.h"
#include "operator/decide/places.h"
#include "operator/decide/removal.h"
#include "operator/decide/replacement.h"
#include "operator/decide/running.h"
#include "operator/decide/spec_check.h"
#include "operator/decide/start.h"
#include "operator/decide/suspension.h"
#include "operator/decide/time_to_live.h"

namespace parallelrun::op {
namespace {

// At its end already.
void stay_finished(Decision& decision) {
  const JobFacts& facts = decision.facts;
  const WallTime ended = facts.completion_time.value_or(decision.now);
  if (delete_in_time(decision, ended)) return;
  remove_after_end(decision, facts.finished_since.value_or(ended), facts.failed_reason);
}

// At its end now.
void finish(Decision& decision, const End& end) {
  tell_end(decision, end);
  await_deletion(decision, end.at);
  // Not from the end: after an outage of the API server that may be long ago, and what kubelets have to tell
  // of workers still on its way.
  remove_after_end(decision, decision.now,
                   end.complete ? std::optional<ReasonWord>() : std::optional(end.reason));
}

// It has not started, and cannot yet.
void await_others(Decision& decision, const Obstacle& awaited) {
  resume(decision);
  tell_waiting(decision, awaited);
  // Nothing tells when the operator can list datasets.
  if (!decision.snapshot.datasets.known) decision.again_at(decision.now + kLookForDatasets);
}

// Not at its end, as far as is known.
void live(Decision& decision) {
  if (const auto end = end_by_runner(decision)) return finish(decision, *end);
  if (decision.facts.suspend) return suspend(decision);
  const SpecVerdict spec = check_spec(decision);
  if (spec.end) return finish(decision, *spec.end);
  if (const auto end = end_by_deadline(decision)) return finish(decision, *end);

  if (spec.awaited) return await_others(decision, *spec.awaited);
  start(decision);
  resume(decision);
  // What the Secret holds and the orchestrator is told must be what status has: first that, then what is made
  // of it.
  if (!decision.facts.start_time && (!decision.datasets().pinned.empty() || decision.earlier_job().job))
    return tell_running(decision, spec, {});
  tell_deleted_datasets(decision);

  FailureBudget budget(decision.facts);
  const bool vanished = spec.followed() && replace_lost_pods(decision, budget);
  budget.record(decision.status);
  if (const auto end = budget.end(decision)) return finish(decision, *end);

  Obstacles obstacles = ensure_objects(decision, spec);
  create_pods(decision, spec, obstacles);
  remove_pods(decision, spec);

  record_places(decision);
  record_replicas(decision, spec, obstacles);
  tell_running(decision, spec, std::move(obstacles));
  record_ready_replicas(decision, vanished);
}

}  // namespace

Plan decide(const Snapshot& snapshot, const Settings& settings, WallTime now) {
  Decision decision(snapshot, settings, now);
  if (decision.facts.being_deleted || !decision.facts.ours) return {};
  if (decision.facts.finished) {
    stay_finished(decision);
  } else {
    live(decision);
    decision.plan.status = decision.status.take();
  }
  return std::move(decision.plan);
}

Plan give_up(const nlohmann::json& job, const std::string& what, WallTime now) {
  const JobFacts facts(job);
  if (facts.finished || facts.being_deleted || !facts.ours) return {};
  const std::string message = fmt::format(
      "the operator cannot work on this job: {}. This is a bug of the operator; it goes on with other jobs. "
      "Please report it with the job's manifest. What was committed stays in the output",
      what);
  StatusDraft status(job, facts.generation, now);
  status.condition(ConditionType::kFailed, true, Reason::kInternalError, message);
  if (find_condition(status.draft(), ConditionType::kRunning) != nullptr) {
    status.condition(ConditionType::kRunning, false, Reason::kFailed, message);
  }
  status.state(JobState::kFailed);
  status.set("completionTime", format_wall_time(now));
  status.message(message);
  Plan plan;
  plan.status = status.take();
  plan.events.push_back({.warning = true,
                         .reason = Reason::kFailed,
                         .message = ReasonWord(Reason::kInternalError).text() + ": " + message});
  return plan;
}

}  // namespace parallelrun::op
