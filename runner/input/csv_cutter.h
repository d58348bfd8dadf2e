// Cuts one CSV file after another into mini-batches of whole records.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/posix/file_descriptor.h"
#include "runner/input/byte_stream.h"
#include "runner/input/csv_format.h"
#include "runner/input/csv_record_scan.h"
#include "runner/input/slice_cutter.h"

namespace parallelrun {

// A slice comes out as soon as the scan has found its end (and seen that another record
// follows), and the next one is looked for when it is asked for. Memory stays bounded, however long the
// file or a record is; the bounded buffers serve all files.
//
// The slices of a file follow each other without a gap from the first byte behind the header to the end of
// the file, and each but the last is the shortest run of records of at least `slice_bytes` bytes. Blank
// records at the end belong to the last slice. A file without records (empty, or a header alone) gives none.
//
// Some files come as one slice for the whole of them, which begins at offset 0 and has an empty header, so
// that the worker reads the header (and byte order mark) there:
//   - UTF-16 and UTF-32: `records` is counted;
//   - packed files (is_packed), encodings that cannot be scanned (CsvLayout::kOpaque), and files whose header
//     is longer than 1 MiB: `records` is 0, not known; the worker tells;
//   - files that cannot be read, that are no CSV (is_other_format), or whose header has a quote that never
//     closes: `records` is 1, so that the worker's failure counts.
// A read error in the middle makes the rest of the file one slice of one record, for the same reason.
class CsvCutter final : public SliceCutter {
 public:
  struct Options {
    CsvFormat format;
    std::uint64_t slice_bytes = 1U << 20U;  // `miniBatchSize` of a tabular input; at least 1
  };

  explicit CsvCutter(Options options);
  CsvCutter(const CsvCutter&) = delete;
  CsvCutter& operator=(const CsvCutter&) = delete;

  void start(std::string path) override;
  void resume_after(const FileSlice& last) override;
  std::optional<FileSlice> next() override;
  // It is empty, or has a header alone.
  std::optional<PassedKind> without_records() const override { return without_records_; }

 private:
  static constexpr std::uint64_t kMostHeaderBytes = 1U << 20U;

  bool open();  // fills the size of slice_; false: unreadable
  std::uint64_t count_wide_records(CsvLayout layout);
  void whole_file(std::uint64_t records, FileSlice::Check check);
  void rest_of_file(std::uint64_t records, FileSlice::Check check);
  bool read_header(std::uint64_t begin, std::uint64_t end);

  Options options_;
  CsvRecordScan scan_;
  FileDescriptor fd_;
  std::optional<FileStream> stream_;
  std::uint64_t stream_begin_ = 0;  // offset in the file of the scan's offset 0
  FileSlice slice_;                 // what all slices of the file share; offset and first_row of the next
  std::optional<FileSlice> held_;   // found, and not given out until a record behind it is seen
  bool scanning_ = false;
  std::optional<PassedKind> without_records_;
};

}  // namespace parallelrun
