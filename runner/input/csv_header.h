// The column names of a CSV header, as far as telling two headers apart needs them. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runner/input/csv_dialect.h"

namespace parallelrun {

std::string_view without_line_break(std::string_view header);

// The fields of a header record in file order, unquoted.
std::vector<std::string> header_fields(std::string_view header, const CsvDialect& dialect);

enum class HeaderMatch {
  kSame,
  kOtherOrder,    // the same names in another order
  kOtherColumns,  // other names
};
HeaderMatch compare_headers(std::string_view first, std::string_view other, const CsvDialect& dialect);

}  // namespace parallelrun
