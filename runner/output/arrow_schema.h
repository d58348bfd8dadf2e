// Arrow's schema of a Parquet file, of which the columns come from the schemas of several mini-batches: where
// a mini-batch has no value in a column, another one tells its type.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"

namespace parallelrun {

struct ArrowField {
  std::size_t schema = 0;  // of the list of messages
  std::size_t field = 0;   // its place there
};

// `messages`: schemas as IPC messages. Gives an IPC message with these fields, in this order, and `pandas`,
// where it is not empty, as its only metadata: some readers look for it here. A field stays in its bytes,
// with the tables around it: a FlatBuffer refers to what it holds by distances, which stay true where the
// whole buffer is moved. Error: kCorrupt (a message is none, or has no such field).
Result<std::string> compose_arrow_schema(const std::vector<std::string>& messages,
                                         const std::vector<ArrowField>& fields, const std::string& pandas);

}  // namespace parallelrun
