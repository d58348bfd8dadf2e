// Where the columns of a Parquet file lie in it, as its footer says: what has to be fetched of an object so
// that a worker can read some of them. Pure. Every byte is distrusted.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runner/store/byte_range.h"

namespace parallelrun {

// Of a row group. Nothing: the footer does not say where one of them lies.
using ParquetChunks = std::optional<std::vector<ByteRange>>;

// By row group that has a row, in the order of the file: the chunks of the columns that a reader touches who
// is asked for `columns` (names of columns at the top; empty: all): those, what is nested in them, and the
// index of pandas where the file says which columns that is. `metadata`: the footer's Thrift structure
// (FileMetaData), which parse_parquet_metadata() has read.
std::vector<ParquetChunks> parquet_chunks(std::string_view metadata, std::vector<std::string> columns);

// The ranges in order, and those joined between which few bytes lie: a request costs more than these. There
// are at most 256. `end`: nothing behind it is asked for.
std::vector<ByteRange> joined_ranges(std::vector<ByteRange> ranges, std::uint64_t end);

}  // namespace parallelrun
