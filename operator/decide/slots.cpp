#include "operator/decide/slots.h"

#include <algorithm>
#include <map>
#include <utility>

#include "operator/decide/loss.h"

namespace parallelrun::op {
namespace {

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
    if (is_failure(*current)) {
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

}  // namespace parallelrun::op
