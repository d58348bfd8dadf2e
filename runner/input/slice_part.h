// Some records of a slice as a slice of their own.
#pragma once

#include <cstdint>
#include <optional>

#include "common/result/result.h"
#include "runner/input/byte_stream.h"
#include "runner/input/file_slice.h"
#include "runner/input/record_stride.h"
#include "runner/plan/item_range.h"

namespace parallelrun {

class SliceFormat;
class TableFiles;

// Where records lie in a slice.
struct SlicePart {
  std::uint64_t begin = 0;      // offsets within the slice
  std::uint64_t end = 0;        // behind the last one
  std::uint64_t first_row = 0;  // how many rows the first of them lies behind the first record of the slice
};

// Walks from record to record of a slice. `next_record` moves on behind the next record that is not blank.
// Nothing: the slice has fewer records. Errors: those of `next_record`.
template <typename NextRecord>
Result<std::optional<SlicePart>> walk_to_items(ItemRange range, NextRecord&& next_record) {
  SlicePart part;
  std::uint64_t at = 0;
  std::uint64_t rows = 0;
  std::uint64_t blanks = 0;  // before the first record of the slice
  for (std::uint64_t record = 0; record < range.end; ++record) {
    const Result<RecordStride> stride = next_record();
    if (!stride) return stride.error();
    if (stride.value().records != 1) return std::optional<SlicePart>();
    if (record == 0) blanks = stride.value().blanks_before;
    if (record == range.begin) {
      part.begin = at;
      part.first_row = rows + stride.value().blanks_before - blanks;
    }
    at = stride.value().end;
    rows += stride.value().rows;
  }
  part.end = at;
  return std::optional(part);
}

// Blank records go with the record behind them, those at the end of the slice with the last part. Reads the
// slice, in constant memory: its bytes must be those that were planned. `whole.path` is absolute, and so is
// that of the part. Nothing: its records cannot be told apart without reading it as a worker does.
// Precondition: range.begin < range.end <= whole.records.
// Errors: kConflict (the file has changed since it was planned), kIo.
Result<std::optional<FileSlice>> part_of_slice(const SliceFormat& format, const FileSlice& whole,
                                               ItemRange range, TableFiles& files);

}  // namespace parallelrun
