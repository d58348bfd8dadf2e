// What the type of a column of Parquet rows is made of, so that mini-batches whose fields had no value in one
// of them fit together. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/json/json.h"

namespace parallelrun {

// ["struct", [name, shape], ...], ["list", shape], ["map", key, item]; else the name of Arrow's type, "null"
// where no value told it (runner/python/parallelrun_worker/parquet_rows.py).
using ParquetShape = nlohmann::json;

// Error-free reading of what a worker sent; nothing: it is no shape.
std::optional<ParquetShape> parse_parquet_shape(std::string_view text);

// The shape of which both are, where they differ only in places that are "null" in one of them and a type
// without fields of its own in the other: pages without values are alike for all of these. Nothing: there is
// none.
std::optional<ParquetShape> united(const ParquetShape& one, const ParquetShape& other);

// Its types without fields, from left to right, as a depth-first walk meets them.
std::vector<std::string> leaves_of(const ParquetShape& shape);

// In Arrow's words, for people.
std::string in_words(const ParquetShape& shape);

}  // namespace parallelrun
