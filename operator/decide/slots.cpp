#include "operator/decide/slots.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <utility>

namespace parallelrun::op {
namespace {

using std::chrono::seconds;

// Something may be taking them all away, as soon as they come.
constexpr seconds kShortestPause{5};
constexpr seconds kAfterRejection{10};

void settle(Slot& slot, const PlaceFacts& recorded) {
  std::sort(slot.older.begin(), slot.older.end(),
            [](const PodView* a, const PodView* b) { return a->incarnation < b->incarnation; });
  slot.incarnation = recorded.incarnation;
  if (!slot.older.empty()) slot.incarnation = std::max(slot.incarnation, slot.older.back()->incarnation);
  if (!slot.older.empty() && slot.older.back()->incarnation == slot.incarnation) {
    slot.current = slot.older.back();
    slot.older.pop_back();
  }
  slot.failures = recorded.failures;
  if (slot.incarnation == recorded.incarnation) slot.not_before = recorded.not_before;
}

}  // namespace

void Slot::replace(WallTime now) {
  if (current != nullptr) {
    const Loss loss = loss_of(*current);
    if (loss == Loss::kFailed || (loss == Loss::kLeft && role == Role::kOrchestrator)) {
      failures = ran_long(*current) ? 1 : failures + 1;
    } else if (ran_long(*current)) {
      failures = 0;
    }
    not_before = earliest_replacement(*current, failures, now);
    if (*not_before <= now) not_before.reset();
    older.push_back(current);
  }
  current = nullptr;
  ++incarnation;
}

Slots arrange(const Snapshot& snapshot, const JobFacts& facts) {
  Slots slots;
  slots.orchestrator.role = Role::kOrchestrator;
  std::map<std::uint32_t, Slot> workers;
  for (const PodView& pod : snapshot.pods) {
    if (!pod.owned) {
      slots.foreign.push_back(&pod);
    } else if (pod.role == Role::kOrchestrator) {
      slots.orchestrator.older.push_back(&pod);
    } else if (pod.index < facts.node_count) {
      workers[pod.index].older.push_back(&pod);
    } else {
      slots.surplus.push_back(&pod);
    }
  }
  for (const auto& [index, recorded] : facts.workers) {
    if (index < facts.node_count) workers.try_emplace(index);
  }
  slots.left_out = facts.node_count - static_cast<std::uint32_t>(workers.size());
  std::size_t empty = 0;
  for (std::uint32_t index = 0; slots.left_out > 0 && empty < kMostCreated; ++index) {
    if (!workers.try_emplace(index).second) continue;
    --slots.left_out;
    ++empty;
  }
  settle(slots.orchestrator, facts.orchestrator);
  slots.workers.reserve(workers.size());
  for (auto& [index, slot] : workers) {
    slot.index = index;
    const auto recorded = facts.workers.find(index);
    settle(slot, recorded == facts.workers.end() ? PlaceFacts{} : recorded->second);
    slots.workers.push_back(std::move(slot));
  }
  return slots;
}

namespace {

// Evicted for what it did itself, whatever node it is on: its own limits of storage, in the words of
// kubelets.
bool used_too_much(const PodView& pod) {
  static constexpr std::array<std::string_view, 3> kWords = {
      "storage usage exceeds the total limit of containers", "exceeded its local ephemeral storage limit",
      "exceeds the limit"};
  return pod.reason == "Evicted" && std::any_of(kWords.begin(), kWords.end(), [&](std::string_view words) {
           return pod.message.find(words) != std::string::npos;
         });
}

}  // namespace

bool runs(const PodView& pod) {
  return pod.phase == "Running" && !pod.ended && !pod.deleting && pod.waiting_reason.empty();
}

Loss loss_of(const PodView& pod) {
  static constexpr std::array<std::string_view, 6> kTakenAway = {"Evicted",      "Preempting", "Shutdown",
                                                                 "NodeShutdown", "Terminated", "NodeLost"};
  if (pod.deleting) return Loss::kDeleted;
  if (!pod.ended && !is_over(pod)) return Loss::kNone;
  if (used_too_much(pod)) return Loss::kFailed;
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
  const auto after = [&](WallTime moment, seconds pause) {
    if (moment <= now) earliest = std::max(earliest, moment + pause);
  };
  // Kubelets cut times to whole seconds.
  const auto end = [&](WallTime told) { return told > now ? told : std::min(told + seconds(1), now); };
  after(lost.created, kShortestPause);
  const Loss loss = loss_of(lost);
  if (loss == Loss::kRejected) after(lost.created, kAfterRejection);
  if (loss == Loss::kFailed || (loss == Loss::kLeft && lost.role == Role::kOrchestrator)) {
    const std::int64_t doublings = std::clamp<std::int64_t>(failures - 1, 0, 6);
    const seconds pause = std::clamp(seconds(std::int64_t{1} << doublings), kShortestPause, kLongestPause);
    after(lost.ended ? end(lost.ended->finished) : lost.created, pause);
  }
  return earliest;
}

}  // namespace parallelrun::op
