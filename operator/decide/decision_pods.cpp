#include <fmt/format.h>

#include <algorithm>

#include "common/pod/pod_layout.h"
#include "common/spec/utf8.h"
#include "common/text/counted.h"
#include "operator/decide/decision.h"
#include "operator/pods/children.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;
using std::chrono::seconds;

// A worker that ended well was told that the job is over. If the job still is not after this time, it was
// not.
constexpr seconds kOrchestratorEnds{60};
constexpr std::size_t kMostNamed = 3;
// Of one place in a row: what is there does not work, or not yet.
constexpr std::int64_t kManyFailures = 3;
// A pod that has run for so long works, whatever its predecessors did.
constexpr seconds kProven{120};
constexpr std::size_t kLongestEnding = 256;  // bytes

std::string said_of(const PodView& pod) {
  return pod.message.empty() ? "" : " (" + std::string(utf8_prefix(pod.message, kLongestEnding)) + ")";
}

const char* in_words(Loss loss) {
  switch (loss) {
    case Loss::kDeleted:
      return "was deleted";
    case Loss::kDisrupted:
      return "was evicted or lost its node";
    case Loss::kRejected:
      return "was rejected by its node";
    case Loss::kLeft:
      return "ended before the job";
    case Loss::kFailed:
      return "failed";
    case Loss::kNone:
      break;
  }
  return "is gone";
}

}  // namespace

// A failure of a runner that had worked for long says little about the next: it begins the count anew.
void Decision::count_failure(const PodView& pod) {
  failures_ = ran_long(pod) ? 1 : failures_ + 1;
  failed_.push_back(&pod);
  orchestrator_failed_ = orchestrator_failed_ || pod.role == Role::kOrchestrator;
}

// Whether this worker is no reason to give the job up: it runs, or it fell and has not tried often yet.
bool Decision::works(const Slot& slot) const {
  const bool up = slot.current != nullptr && runs(*slot.current);
  if (slot.failures < kManyFailures) return up || slot.failures > 0;
  return up && now_ - slot.current->created > kProven;
}

void Decision::replace_orchestrator() {
  Slot& slot = slots_.orchestrator;
  std::string why;
  if (slot.current == nullptr) {
    // One that was seen to run is not made again under its name: its Lease may be held in that name yet.
    if (facts_.orchestrator_uid.empty() || slot.incarnation != facts_.orchestrator.incarnation) return;
    why = pod_of(slot) + " is gone";
  } else {
    const Loss loss = loss_of(*slot.current);
    if (loss == Loss::kNone) return;
    why = slot.current->name + " " + in_words(loss);
    // What ended well has a result, or is no runner of ours.
    if (loss == Loss::kFailed || loss == Loss::kLeft) {
      count_failure(*slot.current);
      why = reason_of_loss(*slot.current);
    }
  }
  slot.replace(now_);
  if (facts_.suspended) return;  // its going was wanted
  event(true, "OrchestratorReplaced", why + "; " + pod_of(slot) + " goes on from the journal",
        without_digits(why));
}

void Decision::replace_worker(Slot& slot) {
  if (slot.current == nullptr) return;
  const PodView& pod = *slot.current;
  const Loss loss = loss_of(pod);
  if (loss == Loss::kNone) return;
  if (loss == Loss::kLeft) {
    const PodView* orchestrator = slots_.orchestrator.current;
    const WallTime ended = pod.ended ? pod.ended->finished : pod.created;
    const bool newer = orchestrator == nullptr || orchestrator->created > ended;
    const WallTime doubted = ended + kOrchestratorEnds;
    if (!newer && now_ < doubted) return again_at(doubted);
  }
  if (loss == Loss::kFailed) count_failure(pod);
  slot.replace(now_);
  if (facts_.suspended) return;
  replaced_.push_back(loss == Loss::kFailed      ? reason_of_loss(pod)
                      : loss == Loss::kDisrupted ? pod.name + " " + in_words(loss) + said_of(pod)
                                                 : pod.name + " " + in_words(loss));
}

// A worker that was deleted by force is made again under its name, and no pod tells of it. That it was there
// is known where more workers have been ready, by status, than there are pods.
void Decision::note_vanished() {
  if (facts_.suspended) return;  // their going was wanted
  auto there = static_cast<std::int64_t>(slots_.surplus.size());
  for (const Slot& slot : slots_.workers) there += slot.current == nullptr ? 0 : 1;
  std::int64_t missing = facts_.ready_replicas - there;
  for (const Slot& slot : slots_.workers) {
    if (missing <= 0) return;
    if (slot.current != nullptr || !slot.older.empty()) continue;
    replaced_.push_back(pod_of(slot) + " is gone; it is made again under the same name");
    vanished_ = true;
    --missing;
  }
}

void Decision::say_replaced() {
  if (replaced_.empty()) return;
  std::string message;
  for (std::size_t i = 0; i < std::min(replaced_.size(), kMostNamed); ++i) {
    message += (i == 0 ? "" : "; ") + replaced_[i];
  }
  if (replaced_.size() > kMostNamed) message += fmt::format("; and {} more", replaced_.size() - kMostNamed);
  event(true, "WorkerReplaced",
        message + fmt::format(". The job goes on; worker pods replaced now: {}", replaced_.size()),
        without_digits(replaced_.front()));
}

std::optional<Decision::End> Decision::replace_what_is_lost() {
  note_vanished();
  replace_orchestrator();
  for (Slot& slot : slots_.workers) replace_worker(slot);
  say_replaced();
  const std::int64_t budget = settings_.infrastructure_failures +
                              std::int64_t{settings_.infrastructure_failures_per_worker} * facts_.node_count;
  if (failed_.empty()) return std::nullopt;
  // A worker that cannot start is no reason to end a job in which others work, and a loss that the
  // orchestrator has charged to a mini-batch is paid for.
  const bool over = failures_ - std::min(facts_.losses_charged, failures_) > budget &&
                    std::none_of(slots_.workers.begin(), slots_.workers.end(),
                                 [this](const Slot& slot) { return works(slot); });
  const std::int64_t of_orchestrator = slots_.orchestrator.failures;
  const bool orchestrator_over = orchestrator_failed_ && of_orchestrator > budget;
  if (!over && !orchestrator_over) return std::nullopt;
  return End{.complete = false,
             .reason = "InfrastructureFailures",
             .message = fmt::format(
                 "{} of the job's own containers; at most {} are allowed for {}. The last failure: {}",
                 counted(static_cast<std::uint64_t>(over ? failures_ : of_orchestrator), "failure"), budget,
                 counted(facts_.node_count, "worker"), reason_of_loss(*failed_.back())),
             .at = now_};
}

void Decision::ensure_objects() {
  plan_.ensure_account = !snapshot_.account_exists;
  // None is older than any. Where the Secret is newer than the job, the job is not what it was last.
  plan_.write_secret = !spec_problem_ && snapshot_.secret_generation < facts_.generation;
  plan_.ensure_service = !snapshot_.service_exists;
  const auto obstructs = [&](bool wanted, const std::string& object) {
    const Refusal* refusal = wanted ? refusal_of(object) : nullptr;
    if (refusal != nullptr && !object_obstacle_) object_obstacle_ = obstacle_of(*refusal);
  };
  obstructs(plan_.ensure_account, std::string("ServiceAccount ") + kAccountName);
  obstructs(plan_.ensure_account, std::string("RoleBinding ") + kAccountName);
  obstructs(plan_.write_secret, "Secret " + secret_name(facts_.name));
  obstructs(plan_.ensure_service, "Service " + service_name(facts_.name));
}

// Whether the pod of a place that has none may be made now. `hold_others`: another one has been refused, so
// only what was refused itself is tried.
bool Decision::may_create(const Slot& slot, bool hold_others) {
  // No pause is that long: the clock was set back.
  if (slot.not_before && now_ < *slot.not_before && *slot.not_before <= now_ + kLongestPause + seconds(1)) {
    again_at(*slot.not_before);
    return false;
  }
  return !hold_others || refusal_of("Pod " + pod_of(slot)) != nullptr;
}

void Decision::create_pods() {
  if (spec_problem_ || object_obstacle_) return;  // there is nothing to make them of, or they would wait
  const auto identity_of = [](const Slot& slot) {
    PodIdentity identity{
        .role = slot.role, .index = slot.index, .incarnation = slot.incarnation, .ended = {}};
    // The orchestrator charges a mini-batch that takes its pods down. It is not told of a pod that was asked
    // to go.
    const auto told = [](const PodView& pod) {
      return !pod.deleting && !(pod.ended && pod.ended->exit_code == 0 && loss_of(pod) != Loss::kFailed);
    };
    if (slot.role == Role::kWorker && !slot.older.empty() && told(*slot.older.back())) {
      identity.predecessor_ended =
          std::string(utf8_prefix("ended: " + words_of_loss(*slot.older.back()), kLongestEnding));
    }
    return identity;
  };
  // The pod of another owner that is in the way; null: none.
  const auto taken = [&](const Slot& slot) -> const PodView* {
    const auto found = std::find_if(slots_.foreign.begin(), slots_.foreign.end(), [&](const PodView* pod) {
      // An orchestrator of an earlier job of this name may still write to the same output.
      return pod->name == pod_of(slot) ||
             (slot.role == Role::kOrchestrator && pod->role == slot.role && !is_over(*pod));
    });
    return found == slots_.foreign.end() ? nullptr : *found;
  };

  Slot& orchestrator = slots_.orchestrator;
  const Refusal* orchestrator_refused = nullptr;
  if (orchestrator.current == nullptr) {
    orchestrator_refused = refusal_of("Pod " + pod_of(orchestrator));
    if (const PodView* other = taken(orchestrator)) {
      orchestrator_obstacle_ = name_taken("Pod " + other->name);
    } else {
      if (orchestrator_refused != nullptr) orchestrator_obstacle_ = obstacle_of(*orchestrator_refused);
      if (may_create(orchestrator, false)) {
        PodIdentity identity = identity_of(orchestrator);
        for (const PodView* older : orchestrator.older) {
          if (older->ended) identity.ended.push_back(pod::lease_holder(older->name, older->uid));
        }
        plan_.create.push_back(std::move(identity));
      }
    }
  }
  // Without an orchestrator workers would only take its place in a quota.
  const bool hold_all =
      orchestrator_refused != nullptr || (orchestrator_obstacle_ && orchestrator.current == nullptr);
  const bool any_refused = std::any_of(slots_.workers.begin(), slots_.workers.end(), [&](const Slot& slot) {
    return slot.current == nullptr && refusal_of("Pod " + pod_of(slot)) != nullptr;
  });
  bool tried = false;
  const std::size_t most = plan_.create.size() + kMostCreated;
  for (const Slot& slot : slots_.workers) {
    if (slot.current != nullptr) continue;
    if (const Refusal* refusal = refusal_of("Pod " + pod_of(slot))) {
      ++missing_workers_;
      if (!worker_obstacle_) worker_obstacle_ = obstacle_of(*refusal);
    }
    if (taken(slot) != nullptr) {
      if (!worker_obstacle_) worker_obstacle_ = name_taken("Pod " + pod_of(slot));
      continue;
    }
    // One at a time while the server refuses them.
    if (hold_all || tried || !may_create(slot, any_refused)) continue;
    if (plan_.create.size() >= most) {
      plan_.more_to_create = true;
      break;
    }
    tried = any_refused;
    plan_.create.push_back(identity_of(slot));
  }
  if (slots_.left_out > 0 && !hold_all && !any_refused) plan_.more_to_create = true;
}

void Decision::remove(const PodView& pod, const char* why) {
  if (!pod.deleting) plan_.remove.push_back({.name = pod.name, .uid = pod.uid, .why = why});
}

// Older pods that still do something have to go. Of those that are over the last one stays for its log.
void Decision::drop_older(const Slot& slot) {
  bool kept = slot.current != nullptr && is_over(*slot.current);
  for (auto pod = slot.older.rbegin(); pod != slot.older.rend(); ++pod) {
    if (!is_over(**pod)) {
      remove(**pod, "it has been replaced");
    } else if (kept) {
      remove(**pod, "a later one has ended");
    } else {
      kept = true;
    }
  }
}

void Decision::remove_pods() {
  drop_older(slots_.orchestrator);
  for (const Slot& slot : slots_.workers) drop_older(slot);
  if (spec_problem_) return;
  for (const PodView* pod : slots_.surplus) remove(*pod, "nodeCount is smaller now");
}

}  // namespace parallelrun::op
