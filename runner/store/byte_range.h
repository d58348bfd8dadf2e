// A stretch of a file or of an object.
#pragma once

#include <cstdint>

namespace parallelrun {

struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  std::uint64_t end() const { return offset + length; }

  bool operator==(const ByteRange&) const = default;
};

}  // namespace parallelrun
