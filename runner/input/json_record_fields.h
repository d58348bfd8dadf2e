// Reads JSON lines record by record, with the values of some keys.
#pragma once

#include <memory>
#include <vector>

#include "runner/input/kept_bytes.h"
#include "runner/input/line_scan.h"
#include "runner/input/record_fields.h"
#include "runner/input/slice_cutter.h"

namespace parallelrun {

// A text is what it says, a number as it stands, true and false as words; null and a key that is not there
// are
// missing. What a list or an object is, or a line that is no object, its mini-batch tells: it fails.
class JsonRecordFields final : public RecordFields {
 public:
  // `cutter`: of the format, for slices as short as can be, of `files`, which must outlive this object.
  JsonRecordFields(std::unique_ptr<SliceCutter> cutter, TableFiles& files)
      : cutter_(std::move(cutter)), files_(files) {}

  // Those of the first thousand lines.
  Result<std::vector<std::string>> columns_of(const std::string& path) override;
  void want(std::vector<std::string> columns) override { wanted_ = std::move(columns); }
  Status start(const std::string& path) override;
  bool other_order() const override { return false; }
  std::optional<PassedKind> without_records() const override { return without_records_; }
  Result<bool> next(Record& record, KeyTexts& texts) override;
  const std::string& header() const override { return header_; }

 private:
  Result<bool> next_line(std::string_view& line);

  std::unique_ptr<SliceCutter> cutter_;
  std::vector<std::string> wanted_;
  std::string path_;
  TableFiles& files_;
  std::unique_ptr<TableFile> file_;
  KeptBytes window_;
  LineScan scan_;
  std::uint64_t at_ = 0;
  std::uint64_t row_ = 0;
  bool ended_ = true;
  std::optional<PassedKind> without_records_;
  const std::string header_;
};

}  // namespace parallelrun
