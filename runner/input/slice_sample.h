// Picks the slices from which the column types of an input are inferred.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "runner/input/file_slice.h"
#include "runner/input/listing.h"
#include "runner/input/slice_format.h"

namespace parallelrun {

struct SliceSampleOptions {
  std::size_t max_files = 256;
  std::size_t pieces_per_file = 256;  // at least 2: the first and the last
  // Between these, the more files the smaller.
  std::uint64_t piece_bytes = 32U << 10U;
  std::uint64_t least_piece_bytes = 4U << 10U;
  std::uint64_t total_bytes = 8U << 20U;  // headers included; the first slice is taken whatever its size
};

// A sample of whole records spread over `files` and, within a large one, over its length: first piece, last
// piece and pieces between; a file no longer than its share comes whole. `first_row` is 0 (not known) in all
// pieces but the first of a file. A file that is not split comes whole while the total allows.
//
// Where the records of a piece in the middle lie is the format's to tell; a piece of which it cannot be told
// is left out.
//
// The same files give the same slices. What cannot be read is left out: the mini-batch of it reports it.
// Paths are absolute, or as `opened` knows them; those of the slices too.
std::vector<FileSlice> sample_slices(const std::vector<std::string>& files, const SliceFormat& format,
                                     const SliceSampleOptions& options = {},
                                     TableFiles& opened = local_files());

// The same over the objects of a listing below `root` (absolute, ends in '/'), in constant memory. Errors:
// the listing's.
Result<std::vector<FileSlice>> sample_slices(Listing& listing, const std::string& root,
                                             const SliceFormat& format,
                                             const SliceSampleOptions& options = {},
                                             TableFiles& opened = local_files());

}  // namespace parallelrun
