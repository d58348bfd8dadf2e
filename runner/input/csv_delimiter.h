// Whether the delimiter of a tabular input is the one its files are written with. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/spec/job_spec.h"
#include "runner/input/csv_dialect.h"
#include "runner/input/file_slice.h"

namespace parallelrun {

// What separates the fields of a header that `dialect` leaves in one piece: the most frequent of comma,
// semicolon, tab and bar outside quotes, but not where a space follows, as in prose. Nothing where the header
// has several fields, or is one by any of them.
std::optional<char> likelier_delimiter(std::string_view header, const CsvDialect& dialect);

// A sentence for the user where all of `sample`, slices of the input's files, speak for one and the same
// other delimiter [inputs delimiter]. Slices without a header (see CsvCutter) say nothing.
std::optional<std::string> delimiter_warning(const Input& input, const std::vector<FileSlice>& sample);

}  // namespace parallelrun
