// What planning needs of the footer of a Parquet file: its row groups and the names of its columns.
// Everything else in it is passed over. Every byte is distrusted: what the footer says is bounded by its
// size.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"
#include "runner/input/parquet_chunks.h"
#include "runner/input/table_file.h"

namespace parallelrun {

struct ParquetRowGroup {
  std::uint64_t rows = 0;   // at least 1
  std::uint64_t bytes = 0;  // of its columns, encoded and not compressed; 0: not known
};

struct ParquetFooter {
  std::uint64_t begin = 0;                // offset in the file; it reaches to the end of the file
  std::uint64_t hash = 0;                 // slice_hash() of its bytes
  std::uint64_t rows = 0;                 // of all row groups
  std::vector<ParquetRowGroup> groups;    // in the order of the file; those without a row are left out
  std::vector<std::string> column_names;  // of the columns at the top
  // By row group: parquet_chunks() of the columns that were asked for; of no group where none were.
  std::vector<ParquetChunks> chunks;
};

// The largest footer that is read, and the most row groups and columns.
inline constexpr std::uint64_t kLargestFooter = 256U << 20U;
inline constexpr std::size_t kMostRowGroups = 1'000'000;
inline constexpr std::size_t kMostColumns = 1'000'000;

// The footer's Thrift structure (FileMetaData) alone; `begin` and `hash` are not set. Error: kCorrupt.
Result<ParquetFooter> parse_parquet_metadata(std::string_view thrift);

// Of a table. `placed`: the columns whose chunks are asked for, see parquet_chunks(); null: none. Errors:
// kCorrupt (not Parquet, cut, encrypted, more than the limits), kIo.
Result<ParquetFooter> read_parquet_footer(TableFile& file, const std::vector<std::string>* placed = nullptr);

}  // namespace parallelrun
