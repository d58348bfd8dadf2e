// What one mini-batch is: a number, an input, a count of items, and a descriptor that only the worker
// process opens. Descriptors travel, data does not.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace parallelrun {

// The position of a mini-batch in plan order, from 0. It is the same in every run of the same job over
// the same input, because inputs are listed in bytewise order.
struct MiniBatchId {
  std::uint64_t value = 0;
  auto operator<=>(const MiniBatchId&) const = default;
};

struct MiniBatch {
  MiniBatchId id;
  std::uint32_t input = 0;  // index into JobSpec::inputs
  std::uint64_t items = 0;  // files, or records that are not blank; 0: not known before a worker reads it
  // Which objects, or which part of one, relative to the input. Bytes that the input's format has written
  // (runner/input) and its reader in the worker process understands; nobody in between looks into them.
  std::string descriptor;
};

}  // namespace parallelrun
