// Finds the records in a piece cut out of a CSV file at any byte.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "runner/input/csv_dialect.h"
#include "runner/input/record_piece.h"

namespace parallelrun {

// Fields of one record, a header for example.
std::size_t count_fields(std::string_view record, const CsvDialect& dialect);

// The whole records of `bytes`, each of which has `fields` fields (blank ones apart). Empty when no reading
// of the piece gives that, several do and disagree, or the piece has quotes and may as well be one long
// field. `at_file_end`: the last record needs no line break.
std::optional<RecordPiece> find_records(std::string_view bytes, const CsvDialect& dialect, std::size_t fields,
                                        bool at_file_end);

}  // namespace parallelrun
