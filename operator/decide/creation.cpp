#include "operator/decide/creation.h"

#include <algorithm>
#include <string>
#include <utility>

#include "common/pod/pod_layout.h"
#include "common/spec/utf8.h"
#include "operator/decide/loss.h"
#include "operator/decide/reuse.h"
#include "operator/decide/runner_result.h"

namespace parallelrun::op {
namespace {

using std::chrono::seconds;

constexpr std::size_t kLongestEnding = 256;  // bytes

const Refusal* refusal_of(const Decision& decision, const Slot& slot) {
  return decision.refusal_of("Pod " + decision.pod_of(slot));
}

// The orchestrator charges a mini-batch that takes its pods down. It is not told of a pod that was asked to
// go because of others: deleted, or its node is short of something or shuts down.
bool is_told(const PodView& ended) {
  return !ended.deleting &&
         !(ended.ended && ended.ended->exit_code == 0 && loss_of(ended) == Loss::kDisrupted);
}

// A worker that ends well before its job was stopped by its kubelet. If it is quicker than the kubelet, which
// gives a pod beyond its limits one second, the pod succeeds and the reason (Evicted) is lost.
std::string words_of_end(const PodView& ended) {
  return loss_of(ended) == Loss::kLeft ? "its node stopped it and gave no reason (Evicted?)"
                                       : words_of_loss(ended);
}

PodIdentity identity_of(const Slot& slot) {
  PodIdentity identity{.role = slot.role, .index = slot.index, .incarnation = slot.incarnation, .ended = {}};
  if (slot.role == Role::kOrchestrator) {
    for (const PodView* older : slot.older) {
      if (older->ended) identity.ended.push_back(pod::lease_holder(older->name, older->uid));
    }
  } else if (!slot.older.empty() && is_told(*slot.older.back())) {
    identity.predecessor_ended =
        std::string(utf8_prefix("ended: " + words_of_end(*slot.older.back()), kLongestEnding));
  }
  return identity;
}

// The pod of another owner that is in the way; null: none.
const PodView* other_in(const Decision& decision, const Slot& slot) {
  const auto& foreign = decision.slots.foreign;
  const auto found = std::find_if(foreign.begin(), foreign.end(), [&](const PodView* pod) {
    // An orchestrator of an earlier job of this name may still write to the same output.
    return pod->name == decision.pod_of(slot) ||
           (slot.role == Role::kOrchestrator && pod->role == slot.role && !is_over(*pod));
  });
  return found == foreign.end() ? nullptr : *found;
}

// Whether the pause before the next pod of this place goes on.
bool pauses(Decision& decision, const Slot& slot) {
  // No pause is that long: the clock was set back.
  const WallTime longest = decision.now + kLongestPause + seconds(1);
  if (!slot.not_before || decision.now >= *slot.not_before || *slot.not_before > longest) return false;
  decision.again_at(*slot.not_before);
  return true;
}

// False: it is not there, and cannot be made now. Without it workers would only take its place in a quota.
bool create_orchestrator(Decision& decision, Obstacles& obstacles) {
  const Slot& slot = decision.slots.orchestrator;
  if (slot.current != nullptr) return true;
  const Refusal* refused = refusal_of(decision, slot);
  if (const PodView* other = other_in(decision, slot)) {
    obstacles.orchestrator = name_taken("Pod " + other->name);
    return false;
  }
  if (refused != nullptr) obstacles.orchestrator = obstacle_of(*refused);
  if (!pauses(decision, slot)) {
    PodIdentity identity = identity_of(slot);
    identity.earlier_job = decision.earlier_job().job;
    offer_earlier_runs(decision, identity);
    decision.create(std::move(identity));
  }
  return refused == nullptr;
}

void create_workers(Decision& decision, bool hold_all, Obstacles& obstacles) {
  const std::vector<Slot>& workers = decision.slots.workers;
  const bool any_refused = std::any_of(workers.begin(), workers.end(), [&](const Slot& slot) {
    return slot.current == nullptr && refusal_of(decision, slot) != nullptr;
  });
  bool tried = false;
  std::size_t created = 0;
  for (const Slot& slot : workers) {
    if (slot.current != nullptr) continue;
    const Refusal* refusal = refusal_of(decision, slot);
    if (refusal != nullptr) {
      ++obstacles.workers_refused;
      if (!obstacles.worker) obstacles.worker = obstacle_of(*refusal);
    }
    if (other_in(decision, slot) != nullptr) {
      if (!obstacles.worker) obstacles.worker = name_taken("Pod " + decision.pod_of(slot));
      continue;
    }
    // One at a time while the server refuses them, and then only those that it has refused.
    if (hold_all || tried || pauses(decision, slot) || (any_refused && refusal == nullptr)) continue;
    if (created >= kMostCreated) {
      decision.plan.more_to_create = true;
      break;
    }
    tried = any_refused;
    decision.create(identity_of(slot));
    ++created;
  }
  if (decision.slots.left_out > 0 && !hold_all && !any_refused) decision.plan.more_to_create = true;
}

}  // namespace

Obstacles ensure_objects(Decision& decision, const SpecVerdict& spec) {
  const JobFacts& facts = decision.facts;
  const Snapshot& there = decision.snapshot;
  Plan& plan = decision.plan;
  plan.ensure_account = !there.account_exists;
  // None is older than any. Where the Secret is newer than the job, the job is not what it was last.
  plan.write_secret = spec.followed() && there.secret_generation < facts.generation && decision.job().ok();
  plan.ensure_service = !there.service_exists;
  if (plan.write_secret) decision.hand_on_job();
  Obstacles obstacles;
  const auto look = [&](bool wanted, const std::string& object) {
    const Refusal* refusal = wanted ? decision.refusal_of(object) : nullptr;
    if (refusal != nullptr && !obstacles.object) obstacles.object = obstacle_of(*refusal);
  };
  look(plan.ensure_account, std::string("ServiceAccount ") + kAccountName);
  look(plan.ensure_account, std::string("RoleBinding ") + kAccountName);
  look(plan.write_secret, "Secret " + secret_name(facts.name));
  look(plan.ensure_service, "Service " + service_name(facts.name));
  return obstacles;
}

void create_pods(Decision& decision, const SpecVerdict& spec, Obstacles& obstacles) {
  // There is nothing to make them of, or they would wait.
  if (!spec.followed() || obstacles.object) return;
  const bool has_orchestrator = create_orchestrator(decision, obstacles);
  create_workers(decision, !has_orchestrator || looks_for_results(decision), obstacles);
}

}  // namespace parallelrun::op
