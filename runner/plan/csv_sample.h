// Picks the slices from which the column types of a tabular input are inferred.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "common/spec/job_spec.h"
#include "runner/plan/csv_format.h"
#include "runner/plan/file_walk.h"
#include "runner/plan/mini_batch.h"

namespace parallelrun {

struct CsvSampleOptions {
  std::size_t max_files = 256;
  std::size_t pieces_per_file = 256;  // at least 2: the first and the last
  // Between these, the more files the smaller.
  std::uint64_t piece_bytes = 32U << 10U;
  std::uint64_t least_piece_bytes = 4U << 10U;
  std::uint64_t total_bytes = 8U << 20U;  // headers included; the first slice is taken whatever its size
};

// A sample of whole records spread over `files` and, within a large one, over its length: first piece, last
// piece and pieces between; a file no longer than its share comes whole. `first_row` is 0 (not known) in all
// pieces but the first of a file. A file that is not split (see CsvCutter) comes whole while the total
// allows.
//
// Where a piece in the middle begins a record cannot be told from its bytes alone. It is read from each state
// of the grammar that it could begin in; a reading passes if every record in it has as many fields as the
// header. A piece whose readings that pass disagree, or that has none, is left out.
//
// The same files give the same slices. What cannot be read is left out: the mini-batch of it reports it.
std::vector<CsvSlice> sample_slices(const std::vector<std::string>& files, const CsvFormat& format,
                                    const CsvSampleOptions& options = {});

// The same over the files of an input, which are listed as the planner lists them, in constant memory.
// Errors: as FileWalk's.
Result<std::vector<CsvSlice>> sample_slices(const Input& input, const std::string& directory,
                                            const std::string& output_directory,
                                            const CsvSampleOptions& options = {});

}  // namespace parallelrun
