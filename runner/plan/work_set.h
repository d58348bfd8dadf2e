// A set of work: whole mini-batches, which cost memory for their gaps, and parts of mini-batches, one by one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <set>

#include "runner/plan/mini_batch_set.h"
#include "runner/plan/work_id.h"

namespace parallelrun {

class WorkSet {
 public:
  // False when it was in the set before.
  bool insert(WorkId id) { return id.part == 0 ? whole_.insert(id.mini_batch) : parts_.insert(id).second; }
  // False when it was not in the set.
  bool erase(WorkId id) { return id.part == 0 ? whole_.erase(id.mini_batch) : parts_.erase(id) > 0; }
  // What was inserted: all parts of a mini-batch do not make it whole.
  bool contains(WorkId id) const {
    return id.part == 0 ? whole_.contains(id.mini_batch) : parts_.contains(id);
  }

  std::uint64_t size() const { return whole_.size() + parts_.size(); }
  bool empty() const { return whole_.empty() && parts_.empty(); }
  // Below it all mini-batches are in the set whole.
  std::uint64_t frontier() const { return whole_.frontier(); }
  // One more than the largest mini-batch that is in the set, or has a part there; 0 when empty.
  std::uint64_t end() const {
    return std::max(whole_.end(), parts_.empty() ? 0 : parts_.rbegin()->mini_batch.value + 1);
  }

  // Calls visit(id) for each.
  template <typename Visit>
  void for_each(Visit&& visit) const {
    whole_.for_each_interval([&](std::uint64_t first, std::uint64_t past) {
      for (std::uint64_t value = first; value < past; ++value) visit(WorkId{MiniBatchId{value}, 0});
    });
    for (const WorkId& id : parts_) visit(id);
  }

 private:
  MiniBatchSet whole_;
  std::set<WorkId> parts_;
};

}  // namespace parallelrun
