// A set of mini-batch numbers that costs memory for its gaps, not for its members: what is finished is one
// interval from 0 (the frontier) and a few beyond it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

#include "runner/plan/mini_batch.h"

namespace parallelrun {

class MiniBatchSet {
 public:
  // False when it was in the set before.
  bool insert(MiniBatchId id);
  // False when it was not in the set.
  bool erase(MiniBatchId id);
  bool contains(MiniBatchId id) const;

  std::uint64_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // The smallest number that is not in the set.
  std::uint64_t frontier() const;
  std::size_t intervals() const { return intervals_.size(); }
  // One more than the largest member; 0 when empty.
  std::uint64_t end() const { return intervals_.empty() ? 0 : intervals_.rbegin()->second; }

  // Calls visit(first, end) for each interval, ascending.
  template <typename Visit>
  void for_each_interval(Visit&& visit) const {
    for (const auto& [first, past] : intervals_) visit(first, past);
  }

 private:
  std::map<std::uint64_t, std::uint64_t> intervals_;  // first -> one past the last; never adjacent
  std::uint64_t size_ = 0;
};

}  // namespace parallelrun
