// What is leased, tried, committed and counted as failed.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "runner/plan/mini_batch.h"

namespace parallelrun {

// A mini-batch, or a part of one that was split into items. Mini-batches are whole today: nothing splits them
// yet.
struct WorkId {
  MiniBatchId mini_batch;
  std::uint32_t part = 0;  // 0: the whole; parts count from 1

  auto operator<=>(const WorkId&) const = default;
};

// "7", or "7.2" for part 2 of mini-batch 7.
inline std::string to_string(const WorkId& id) {
  return std::to_string(id.mini_batch.value) + (id.part == 0 ? "" : "." + std::to_string(id.part));
}

}  // namespace parallelrun

template <>
struct std::hash<parallelrun::WorkId> {
  std::size_t operator()(const parallelrun::WorkId& id) const noexcept {
    // Parts of one mini-batch, and neighbours, lie apart.
    return std::hash<std::uint64_t>()(id.mini_batch.value ^ (std::uint64_t{id.part} << 40U));
  }
};
