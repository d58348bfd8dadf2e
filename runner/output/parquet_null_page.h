// A page of a Parquet column that has no value in any row.
#pragma once

#include <cstdint>
#include <string>

#include "common/result/result.h"
#include "runner/output/parquet_piece.h"

namespace parallelrun {

struct ParquetNullPage {
  std::string bytes;              // with its header
  std::int64_t uncompressed = 0;  // bytes, likewise
};

// Of `rows` rows, 1 to 2^31 - 1. Error: kCorrupt (a compression that our workers do not use).
Result<ParquetNullPage> parquet_null_page(const ParquetLeaf& leaf, std::int64_t rows);

}  // namespace parallelrun
