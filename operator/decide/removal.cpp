#include "operator/decide/removal.h"

#include <algorithm>
#include <array>

namespace parallelrun::op {
namespace {

// After the end workers leave by themselves; what is left then (a sidecar, say) is taken away.
constexpr std::chrono::seconds kTimeToLeave{30};

// Ends that the operator has found. A runner that ends its job has told its workers to leave; these have told
// nobody.
bool is_own(const ReasonWord& failed) {
  static constexpr std::array kOwn = {Reason::kDeadlineExceeded, Reason::kInfrastructureFailures,
                                      Reason::kInternalError, Reason::kInvalidSpec, Reason::kSpecChanged};
  return std::any_of(kOwn.begin(), kOwn.end(), [&](Reason own) { return failed == own; });
}

// An older pod that still runs has to go. The last of the pods that are over stays, because users read its
// log.
void remove_older(Decision& decision, const Slot& slot) {
  bool kept = slot.current != nullptr && is_over(*slot.current);
  for (auto pod = slot.older.rbegin(); pod != slot.older.rend(); ++pod) {
    if (!is_over(**pod)) {
      decision.remove(**pod, "it has been replaced");
    } else if (kept) {
      decision.remove(**pod, "a later one has ended");
    } else {
      kept = true;
    }
  }
}

}  // namespace

void remove_pods(Decision& decision, const SpecVerdict& spec) {
  remove_older(decision, decision.slots.orchestrator);
  for (const Slot& slot : decision.slots.workers) remove_older(decision, slot);
  if (!spec.followed()) return;
  for (const PodView* pod : decision.slots.surplus) decision.remove(*pod, "nodeCount is smaller now");
}

void remove_after_end(Decision& decision, WallTime told, const std::optional<ReasonWord>& failed) {
  const bool own = failed && is_own(*failed);
  for (const PodView& pod : decision.snapshot.pods) {
    if (!pod.owned || is_over(pod)) continue;
    const bool leaving = !own && (pod.role == Role::kWorker ? pod.phase == "Running" : pod.ended.has_value());
    if (leaving && decision.now < told + kTimeToLeave) {
      decision.again_at(told + kTimeToLeave);
    } else {
      decision.remove(pod, "the job is finished");
    }
  }
}

}  // namespace parallelrun::op
