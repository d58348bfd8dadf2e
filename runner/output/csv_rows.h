#pragma once

#include <string>

#include "runner/output/row_file.h"

namespace parallelrun {

// One header, then the records of all mini-batches. The rows of a mini-batch begin with their own header,
// which must be that of the file: its row_check() sees to that, and append() looks again, before it writes
// anything.
class CsvRows final : public RowFile {
 public:
  using RowFile::RowFile;

  Status check(const std::vector<std::string>& rows) override;
  Result<Appended> append(const std::vector<std::string>& rows, const std::vector<WorkId>& of) override;
  Result<std::shared_ptr<RowCheck>> row_check() override;
  bool knows_its_rows() const override { return !header_.empty(); }

 private:
  Status read_header();

  bool looked_ = false;   // whether the file has been looked at for its header
  bool written_ = false;  // whether the header is in the file
  std::string header_;    // with its line break; empty: not known yet
};

}  // namespace parallelrun
