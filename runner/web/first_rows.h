// The first rows of an output file as a table. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/json/json.h"

namespace parallelrun::web {

// {"columns": [..] or null, "rows": [[..]], "truncated": bool}, of the beginning of a file. `format`: "text",
// "csv", "jsonl". `whole`: `text` is the whole file; else its last line may be cut, and is left out.
// A row that cannot be read stands there as it is, as its only cell.
nlohmann::ordered_json first_rows(std::string_view text, const std::string& format, std::size_t limit,
                                  bool whole);

}  // namespace parallelrun::web
