#include "operator/decide/replacement.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/spec/utf8.h"
#include "operator/decide/loss.h"
#include "operator/decide/runner_result.h"

namespace parallelrun::op {
namespace {

using std::chrono::seconds;

// A worker that ended well was told that the job is over. If the job still is not after this time, it was
// not.
constexpr seconds kOrchestratorEnds{60};
constexpr std::size_t kMostNamed = 3;
constexpr std::size_t kLongestSaid = 256;  // bytes

std::string said_of(const PodView& pod) {
  return pod.message.empty() ? "" : " (" + std::string(utf8_prefix(pod.message, kLongestSaid)) + ")";
}

// `replaced` is for people: a part of a sentence for each worker.
using Sentences = std::vector<std::string>;

// A worker that was deleted by force is made again under its name, and no pod tells of it. That it was there
// is known where more workers have been ready, by status, than there are pods.
bool note_vanished(const Decision& decision, Sentences& replaced) {
  if (decision.facts.suspended) return false;  // their going was wanted
  const Slots& slots = decision.slots;
  auto there = static_cast<std::int64_t>(slots.surplus.size());
  for (const Slot& slot : slots.workers) there += slot.current == nullptr ? 0 : 1;
  std::int64_t missing = decision.facts.ready_replicas - there;
  bool vanished = false;
  for (const Slot& slot : slots.workers) {
    if (missing <= 0) break;
    if (slot.current != nullptr || !slot.older.empty()) continue;
    replaced.push_back(decision.pod_of(slot) + " is gone; it is made again under the same name");
    vanished = true;
    --missing;
  }
  return vanished;
}

void replace_orchestrator(Decision& decision, FailureBudget& budget) {
  const JobFacts& facts = decision.facts;
  Slot& slot = decision.slots.orchestrator;
  std::string why;
  if (slot.current == nullptr) {
    // One that was seen to run is not made again under its name: its Lease may be held in that name yet.
    if (facts.orchestrator_uid.empty() || slot.incarnation != facts.orchestrator.incarnation) return;
    why = decision.pod_of(slot) + " " + in_words(Loss::kNone);
  } else {
    const PodView& pod = *slot.current;
    const Loss loss = loss_of(pod);
    if (loss == Loss::kNone) return;
    // What ended well has a result, or is no runner of ours.
    const bool failure = is_failure(pod);
    if (failure) budget.count(pod);
    why = failure ? reason_of_loss(pod) : pod.name + " " + in_words(loss);
  }
  slot.replace(decision.now);
  if (facts.suspended) return;  // its going was wanted
  decision.event(true, Reason::kOrchestratorReplaced,
                 why + "; " + decision.pod_of(slot) + " goes on from the journal", without_digits(why));
}

// A worker that has left may have known better than what is here to be seen: that the job is over.
bool may_be_right(Decision& decision, const PodView& left) {
  const PodView* orchestrator = decision.slots.orchestrator.current;
  const WallTime ended = left.ended ? left.ended->finished : left.created;
  if (orchestrator == nullptr || orchestrator->created > ended) return false;
  const WallTime doubted = ended + kOrchestratorEnds;
  if (decision.now >= doubted) return false;
  decision.again_at(doubted);
  return true;
}

void replace_worker(Decision& decision, Slot& slot, FailureBudget& budget, Sentences& replaced) {
  if (slot.current == nullptr) return;
  const PodView& pod = *slot.current;
  const Loss loss = loss_of(pod);
  if (loss == Loss::kNone) return;
  if (loss == Loss::kLeft && may_be_right(decision, pod)) return;
  const bool failure = is_failure(pod);
  if (failure) budget.count(pod);
  slot.replace(decision.now);
  if (decision.facts.suspended) return;
  replaced.push_back(failure ? reason_of_loss(pod)
                             : pod.name + " " + in_words(loss) +
                                   (loss == Loss::kDisrupted ? said_of(pod) : std::string()));
}

void say_replaced(Decision& decision, const Sentences& replaced) {
  if (replaced.empty()) return;
  std::string message;
  for (std::size_t i = 0; i < std::min(replaced.size(), kMostNamed); ++i) {
    message += (i == 0 ? "" : "; ") + replaced[i];
  }
  if (replaced.size() > kMostNamed) message += fmt::format("; and {} more", replaced.size() - kMostNamed);
  decision.event(true, Reason::kWorkerReplaced,
                 message + fmt::format(". The job goes on; worker pods replaced now: {}", replaced.size()),
                 without_digits(replaced.front()));
}

}  // namespace

bool replace_lost_pods(Decision& decision, FailureBudget& budget) {
  Sentences replaced;
  const bool vanished = note_vanished(decision, replaced);
  replace_orchestrator(decision, budget);
  for (Slot& slot : decision.slots.workers) replace_worker(decision, slot, budget, replaced);
  say_replaced(decision, replaced);
  return vanished;
}

}  // namespace parallelrun::op
