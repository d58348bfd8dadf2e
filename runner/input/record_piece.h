// Whole records in a piece that is cut out of a file at any byte.
#pragma once

#include <cstddef>
#include <cstdint>

namespace parallelrun {

// Offsets within the piece.
struct RecordPiece {
  std::size_t begin = 0;      // of the first whole record
  std::size_t end = 0;        // behind the last one
  std::uint64_t records = 0;  // not blank; at least 1
  bool operator==(const RecordPiece&) const = default;
};

}  // namespace parallelrun
