// How a mini-batch is split: in halves, and those again, until single items stand alone.
#pragma once

#include <cstdint>
#include <optional>

#include "runner/plan/item_range.h"
#include "runner/plan/work_id.h"

namespace parallelrun {

// The number of a part tells which items it has: the halves of a whole are its parts 2 and 3, those of part p
// are 2p and 2p + 1. The first half has the larger share of an odd number of items.
struct Halves {
  std::uint32_t first = 0;
  std::uint32_t second = 0;
};
// Nothing: the halves are too small to have numbers (one item of 2^31).
std::optional<Halves> halves_of(std::uint32_t part);

// In the order of the input: parts by their items, which is not the order of their numbers. For work of which
// none is inside another.
bool comes_before(const WorkId& a, const WorkId& b);

// Of a mini-batch of `items`. Empty where a part of that number cannot be.
ItemRange items_of_part(std::uint32_t part, std::uint64_t items);

}  // namespace parallelrun
