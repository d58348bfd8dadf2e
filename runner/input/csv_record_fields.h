// Reads CSV files record by record, with the texts of some columns.
#pragma once

#include <memory>

#include "runner/input/csv_cutter.h"
#include "runner/input/csv_record_scan.h"
#include "runner/input/kept_bytes.h"
#include "runner/input/record_fields.h"

namespace parallelrun {

class CsvRecordFields final : public RecordFields {
 public:
  // `files` must outlive it.
  CsvRecordFields(const Input& input, TableFiles& files);

  Result<std::vector<std::string>> columns_of(const std::string& path) override;
  void want(std::vector<std::string> columns) override { wanted_ = std::move(columns); }
  Status start(const std::string& path) override;
  bool other_order() const override { return !order_.empty(); }
  std::optional<PassedKind> without_records() const override { return without_records_; }
  Result<bool> next(Record& record, KeyTexts& texts) override;
  const std::string& header() const override { return header_; }

 private:
  // A wanted column: which field, and where its text goes.
  struct Wanted {
    std::size_t field = 0;
    std::size_t text = 0;
    bool declared_text = false;  // where the empty field alone is missing
  };

  Result<std::vector<std::string>> open(const std::string& path);
  bool is_missing(std::string_view text, bool declared_text) const;
  void read_plain(std::string_view record, KeyTexts& texts) const;
  void read_dialect(std::string_view record, KeyTexts& texts);
  std::string_view in_first_order(std::string_view record);
  std::string_view without_blank_rows(std::string_view bytes) const;

  const Input input_;
  const CsvFormat format_;
  CsvCutter cutter_;
  std::vector<std::string> wanted_;
  std::vector<Wanted> fields_;  // by field
  std::string path_;
  TableFiles& files_;
  std::unique_ptr<TableFile> file_;
  KeptBytes window_;
  CsvRecordScan scan_;
  std::uint64_t begin_ = 0;  // of the stream in the file
  std::uint64_t at_ = 0;     // in the stream: where the last record ended
  std::uint64_t row_ = 0;
  bool ended_ = true;
  std::optional<PassedKind> without_records_;
  std::string header_;                // the first file's
  std::vector<std::string> columns_;  // the first file's
  std::vector<std::size_t> order_;    // which field of this file is the i-th of the first; empty: the same
  std::string reordered_;
  std::string text_;
};

}  // namespace parallelrun
