#include "runner/plan/mini_batch_set.h"

#include <iterator>

namespace parallelrun {

bool MiniBatchSet::insert(MiniBatchId id) {
  const std::uint64_t value = id.value;
  auto next = intervals_.upper_bound(value);
  const auto before = next == intervals_.begin() ? intervals_.end() : std::prev(next);
  if (before != intervals_.end() && value < before->second) return false;
  const bool joins_before = before != intervals_.end() && before->second == value;
  const bool joins_next = next != intervals_.end() && next->first == value + 1;
  if (joins_before) {
    before->second = joins_next ? next->second : value + 1;
    if (joins_next) intervals_.erase(next);
  } else if (joins_next) {
    // The key of a node can change without a new allocation.
    auto node = intervals_.extract(next);
    node.key() = value;
    intervals_.insert(std::move(node));
  } else {
    intervals_.emplace_hint(next, value, value + 1);
  }
  ++size_;
  return true;
}

bool MiniBatchSet::erase(MiniBatchId id) {
  const std::uint64_t value = id.value;
  auto found = intervals_.upper_bound(value);
  if (found == intervals_.begin()) return false;
  --found;
  const std::uint64_t past = found->second;
  if (value >= past) return false;
  if (value + 1 < past) intervals_.emplace(value + 1, past);
  if (found->first == value) {
    intervals_.erase(found);
  } else {
    found->second = value;
  }
  --size_;
  return true;
}

bool MiniBatchSet::contains(MiniBatchId id) const {
  auto found = intervals_.upper_bound(id.value);
  if (found == intervals_.begin()) return false;
  return id.value < std::prev(found)->second;
}

std::uint64_t MiniBatchSet::frontier() const {
  const auto first = intervals_.begin();
  return first != intervals_.end() && first->first == 0 ? first->second : 0;
}

}  // namespace parallelrun
