// The rows of one mini-batch as the worker's ParquetRows made them
// (runner/python/parallelrun_worker/parquet_rows.py):
//
//   bytes JSON {"columns": [[name, Arrow's type, pandas' dtype or null, whether it has a value, JSON of its
//               shape (parquet_shape.h; absent: the type has none)], ...], "pandas": version or null} |
//   bytes Arrow's schema, as an IPC message | a Parquet file with one row group, without dictionaries
//
// Every byte is distrusted.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"

namespace parallelrun {

struct ParquetColumn {
  std::string name;
  std::string type;    // in Arrow's words
  std::string dtype;   // of pandas, where Arrow's type does not tell it; else empty
  bool valued = true;  // else every value is missing, and the type is a guess
  std::string shape;   // JSON, see parquet_shape.h

  bool operator==(const ParquetColumn&) const = default;
};

// What its head says; the rest is not looked at. Error: kCorrupt.
struct ParquetHead {
  std::vector<ParquetColumn> columns;
  std::string pandas;  // its version; empty: none of the dtypes is given
};
Result<ParquetHead> parse_parquet_head(std::string_view rows);

// A column of values, of which a nested column has several.
struct ParquetLeaf {
  std::int64_t type = 0;    // Parquet's physical type
  std::int64_t codec = 0;   // of its compression
  std::string path;         // its names, as Thrift binaries one behind the other
  std::size_t names = 0;    // how many
  bool repeated = false;    // something in the path is a list
  std::size_t element = 0;  // of its column's elements
};
// Its values in the row group.
struct ParquetChunk {
  std::int64_t values = 0;
  std::int64_t uncompressed = 0;  // bytes
  std::string_view bytes;         // its pages
};

struct ParquetPiece {
  ParquetHead head;
  std::string_view arrow_schema;
  std::int64_t rows = 0;
  // By column of the head.
  struct Column {
    std::vector<std::string_view>
        elements;  // of the schema, Thrift structs, as a depth-first walk meets them
    std::vector<ParquetLeaf> leaves;
    std::vector<ParquetChunk> chunks;  // by leaf
  };
  std::vector<Column> columns;
};

// Views point into `rows`. Error: kCorrupt.
Result<ParquetPiece> parse_parquet_piece(std::string_view rows);

}  // namespace parallelrun
