// Some items of a mini-batch, in its order.
#pragma once

#include <cstdint>

namespace parallelrun {

// From number `begin` on, up to number `end`, which is not among them; the first item is number 0.
struct ItemRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t size() const { return end - begin; }
  bool operator==(const ItemRange&) const = default;
};

}  // namespace parallelrun
