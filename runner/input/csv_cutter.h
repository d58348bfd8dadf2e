// Cuts one CSV file after another into mini-batches of whole records.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runner/input/csv_format.h"
#include "runner/input/csv_record_scan.h"
#include "runner/input/file_cutter.h"

namespace parallelrun {

// The first slice begins behind the header, which each slice names; where the input has no headers, at the
// first record, which they name instead: it has as many fields. A file without records (empty, or a header
// alone) gives none. Beside those of FileCutter, some files come as one slice for the whole of them,
// which has an empty header, so that the worker reads the header (and byte order mark) there:
//   - UTF-16 and UTF-32: `records` is counted;
//   - encodings that cannot be scanned (CsvLayout::kOpaque), and files whose header is longer than 1 MiB:
//     `records` is 0, not known; the worker tells;
//   - files that are no CSV (is_other_format), or whose header has a quote that never closes: `records` is
//     1, so that the worker's failure counts.
class CsvCutter final : public FileCutter {
 public:
  struct Options {
    CsvFormat format;
    std::uint64_t slice_bytes = 1U << 20U;  // `miniBatchSize` of a tabular input; at least 1
    TableFiles* files = &local_files();     // where they lie; must outlive the cutter
  };

  explicit CsvCutter(Options options);

 private:
  static constexpr std::uint64_t kMostHeaderBytes = 1U << 20U;

  void begin(std::string_view head) override;
  void begin_scan(ByteStream& records) override;
  Result<RecordStride> scan(std::uint64_t least_end) override { return scan_.next(least_end); }
  PassedKind all_blank() const override { return PassedKind::kHeaderOnlyTable; }
  // All records of the file, behind its header where it has one.
  RecordStride count_wide_records(CsvLayout layout);
  std::optional<std::string> read_header(std::uint64_t begin, std::uint64_t end);

  CsvFormat format_;
  CsvRecordScan scan_;
};

}  // namespace parallelrun
