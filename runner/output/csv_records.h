// CSV as our encoder writes it (runner/python/parallelrun_worker/csv_rows.py): commas between fields, '\n'
// behind each record, quotes around fields that need them, and quotes in those doubled.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace parallelrun {

// Bytes of the first record with its line break; npos: it does not end.
std::size_t csv_record_size(std::string_view text);

// The fields of a record without its line break, as they are written: with their quotes. An empty record has
// one.
std::vector<std::string_view> csv_fields(std::string_view record);

// As many as csv_fields() gives.
std::size_t csv_field_count(std::string_view record);

}  // namespace parallelrun
