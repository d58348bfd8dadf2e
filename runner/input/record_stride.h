// What a scan over the records of a stream passes at once.
#pragma once

#include <cstdint>

namespace parallelrun {

struct RecordStride {
  std::uint64_t end = 0;            // offset in the stream behind the last record
  std::uint64_t rows = 0;           // records that the stride passed, blank ones among them
  std::uint64_t records = 0;        // those that are not blank; 0 only when nothing but blanks was left
  std::uint64_t blanks_before = 0;  // of the rows, those before the first record
  bool at_end = false;              // nothing is left in the stream
  std::uint64_t hash = 0;           // slice_hash() of its bytes, where asked for
};

}  // namespace parallelrun
