// What the descriptor of a mini-batch is: its first byte. Only the input formats and the readers of the
// worker process (runner/python/parallelrun_worker/readers.py) look behind it; for all between them it is
// bytes.
#pragma once

#include <cstdint>
#include <string>

#include "common/result/result.h"

namespace parallelrun {

// Stored in plans: numbers are never used again for something else.
enum class DescriptorKind : std::uint8_t {
  kFileSet = 1,         // file_set.h
  kCsvSlice = 2,        // file_slice.h
  kJsonLinesSlice = 3,  // file_slice.h, without a header
  kParquetSlice = 4,    // file_slice.h, the footer and which rows: parquet.h
  kKeyed = 5,           // keyed_batch.h, around descriptors of the others
  kStoreFileSet = 6,    // store_file_set.h; in plans and leases alone, workers get a kFileSet
  kStoreSlice = 7,      // store_table.h, around a slice; in plans and leases alone, workers get the slice
  kSqlRange = 8,        // sql_table.h
};

inline Error corrupt_descriptor(const std::string& what) {
  return Error{ErrorCode::kCorrupt, "the descriptor of a mini-batch does not decode: " + what};
}

}  // namespace parallelrun
