#include "operator/decide/slots.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace parallelrun::op {
namespace {

using std::chrono::seconds;

// However a pod is lost, the next is not made sooner: something may be taking them all away.
constexpr seconds kShortestLife{5};
constexpr seconds kAfterRejection{10};
constexpr seconds kLongestPause{60};

void settle(Slot& slot, std::vector<const PodView*> pods, std::uint32_t recorded) {
  std::sort(pods.begin(), pods.end(),
            [](const PodView* a, const PodView* b) { return a->incarnation < b->incarnation; });
  slot.incarnation = recorded;
  if (!pods.empty()) slot.incarnation = std::max(recorded, pods.back()->incarnation);
  for (const PodView* pod : pods) {
    if (pod->incarnation == slot.incarnation) {
      slot.current = pod;
    } else {
      slot.older.push_back(pod);
    }
  }
}

}  // namespace

void Slot::replace() {
  if (current != nullptr) older.push_back(current);
  current = nullptr;
  ++incarnation;
}

Slots arrange(const Snapshot& snapshot, const JobFacts& facts) {
  Slots slots;
  std::vector<const PodView*> orchestrators;
  std::vector<std::vector<const PodView*>> workers(facts.node_count);
  for (const PodView& pod : snapshot.pods) {
    if (!pod.owned) {
      slots.foreign.push_back(&pod);
    } else if (pod.role == Role::kOrchestrator) {
      orchestrators.push_back(&pod);
    } else if (pod.index < facts.node_count) {
      workers[pod.index].push_back(&pod);
    } else {
      slots.surplus.push_back(&pod);
    }
  }
  slots.orchestrator.role = Role::kOrchestrator;
  settle(slots.orchestrator, std::move(orchestrators), facts.orchestrator_incarnation);
  slots.workers.resize(facts.node_count);
  for (std::uint32_t index = 0; index < facts.node_count; ++index) {
    const auto recorded = facts.worker_incarnations.find(index);
    slots.workers[index].index = index;
    settle(slots.workers[index], std::move(workers[index]),
           recorded == facts.worker_incarnations.end() ? 0 : recorded->second);
  }
  return slots;
}

bool runs(const PodView& pod) {
  return pod.phase == "Running" && !pod.ended && !pod.deleting && pod.waiting_reason.empty();
}

Loss loss_of(const PodView& pod) {
  static constexpr std::array<std::string_view, 6> kTakenAway = {"Evicted",      "Preempting", "Shutdown",
                                                                 "NodeShutdown", "Terminated", "NodeLost"};
  if (pod.deleting) return Loss::kDeleted;
  if (!pod.ended && !is_over(pod)) return Loss::kNone;
  if (pod.disrupted || std::find(kTakenAway.begin(), kTakenAway.end(), pod.reason) != kTakenAway.end()) {
    return Loss::kDisrupted;
  }
  if (pod.ended) return pod.ended->exit_code == 0 ? Loss::kLeft : Loss::kFailed;
  if (pod.phase == "Succeeded") return Loss::kLeft;
  return pod.reason.empty() ? Loss::kFailed : Loss::kRejected;
}

bool ran_long(const PodView& pod) {
  // A container that could not even be started has "started" in 1970.
  return pod.ended && pod.ended->finished - std::max(pod.ended->started, pod.created) > kLongRun;
}

WallTime earliest_replacement(const PodView& lost, std::int64_t failures, WallTime now) {
  WallTime earliest{};
  const auto after = [&](WallTime moment, std::chrono::milliseconds pause) {
    if (moment <= now) earliest = std::max(earliest, moment + pause);
  };
  after(lost.created, kShortestLife);
  const Loss loss = loss_of(lost);
  if (loss == Loss::kRejected) after(lost.created, kAfterRejection);
  if (loss == Loss::kFailed || (loss == Loss::kLeft && lost.role == Role::kOrchestrator)) {
    const std::int64_t doublings = std::clamp<std::int64_t>(failures - 1, 0, 6);
    after(lost.ended ? lost.ended->finished : lost.created,
          std::min(seconds(1) * (1 << doublings), kLongestPause));
  }
  return earliest;
}

}  // namespace parallelrun::op
