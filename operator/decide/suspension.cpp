#include "operator/decide/suspension.h"

#include "operator/decide/deadline.h"

namespace parallelrun::op {

void suspend(Decision& decision) {
  const JobFacts& facts = decision.facts;
  StatusDraft& status = decision.status;
  if (!facts.suspended) {
    if (facts.start_time) status.set("activeSeconds", active_time(decision).count());
    status.condition(ConditionType::kSuspended, true, Reason::kSuspended, "spec.suspend is true");
    decision.event(false, Reason::kSuspended,
                   facts.start_time ? "The job's pods are stopped; what was committed stays"
                                    : "The job does not start yet");
  }
  if (facts.start_time) {
    status.condition(ConditionType::kRunning, false, Reason::kSuspended, "spec.suspend is true");
  }
  status.state(JobState::kSuspended);
  status.message("The job is suspended; to go on, set spec.suspend to false");
  status.set("replicas", 0);
  status.set("readyReplicas", 0);
  for (const PodView& pod : decision.snapshot.pods) {
    if (pod.owned && !is_over(pod)) decision.remove(pod, "the job is suspended");
  }
}

void resume(Decision& decision) {
  if (!decision.facts.suspended) return;
  if (decision.facts.start_time) decision.status.set("resumeTime", format_wall_time(decision.now));
  decision.status.condition(ConditionType::kSuspended, false, Reason::kResumed, "spec.suspend is false");
  decision.event(false, Reason::kResumed, "The job goes on from what was committed");
}

}  // namespace parallelrun::op
