// The first rows of a Parquet file as a table: pyarrow reads them, which wrote them too, in a Python that is
// started for it and ends with it.
#pragma once

#include <cstddef>

#include "common/json/json.h"
#include "common/posix/file_descriptor.h"
#include "common/result/result.h"

namespace parallelrun::web {

// As first_rows(); cells are texts or null. {"note": why there are none} where no Python with pyarrow is
// there, or where it takes too long or too much memory: at most 15 s and about 2 GiB. Blocks.
// Errors: kCorrupt.
Result<nlohmann::ordered_json> parquet_rows(const FileDescriptor& file, std::size_t limit);

}  // namespace parallelrun::web
