#include "operator/decide/failure_budget.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/text/counted.h"
#include "operator/decide/loss.h"
#include "operator/decide/runner_result.h"

namespace parallelrun::op {
namespace {

// Of one place in a row: what is there does not work, or not yet.
constexpr std::int64_t kManyFailures = 3;
// A pod that has run for so long works, whatever its predecessors did.
constexpr std::chrono::seconds kProven{120};

// Whether this worker is no reason to give the job up: it runs, or it fell and has not tried often yet.
bool works(const Slot& slot, WallTime now) {
  const bool up = slot.current != nullptr && runs(*slot.current);
  if (slot.failures < kManyFailures) return up || slot.failures > 0;
  return up && now - slot.current->created > kProven;
}

}  // namespace

// A failure of a runner that had worked for long says little about the next: it begins the count anew.
void FailureBudget::count(const PodView& pod) {
  failures_ = ran_long(pod) ? 1 : failures_ + 1;
  failed_.push_back(&pod);
  orchestrator_failed_ = orchestrator_failed_ || pod.role == Role::kOrchestrator;
}

std::optional<End> FailureBudget::end(const Decision& decision) const {
  if (failed_.empty()) return std::nullopt;
  const JobFacts& facts = decision.facts;
  const Slots& slots = decision.slots;
  const std::int64_t budget =
      decision.settings.infrastructure_failures +
      std::int64_t{decision.settings.infrastructure_failures_per_worker} * facts.node_count;
  // A worker that cannot start is no reason to end a job in which others work, and a loss that the
  // orchestrator has charged to a mini-batch is paid for.
  const bool over = failures_ - std::min(facts.losses_charged, failures_) > budget &&
                    std::none_of(slots.workers.begin(), slots.workers.end(),
                                 [&](const Slot& slot) { return works(slot, decision.now); });
  const std::int64_t of_orchestrator = slots.orchestrator.failures;
  const bool orchestrator_over = orchestrator_failed_ && of_orchestrator > budget;
  if (!over && !orchestrator_over) return std::nullopt;
  return failed_now(
      decision, Reason::kInfrastructureFailures,
      fmt::format("{} of the job's own containers; at most {} are allowed for {}. The last failure: {}",
                  counted(static_cast<std::uint64_t>(over ? failures_ : of_orchestrator), "failure"), budget,
                  counted(facts.node_count, "worker"), reason_of_loss(*failed_.back())));
}

void FailureBudget::record(StatusDraft& status) const {
  if (failures_ != 0 || status.draft().contains("infrastructureFailures")) {
    status.set("infrastructureFailures", failures_);
  }
}

}  // namespace parallelrun::op
