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

  Result<Appended> append(const std::vector<std::string>& rows) override;
  Status seal() override { return {}; }  // records are whole after each commit
  Result<std::shared_ptr<RowCheck>> row_check() override;

 private:
  Status read_header();

  bool known_ = false;  // whether header_ is that of the file
  std::string header_;  // with its line break; empty: nothing is committed
};

}  // namespace parallelrun
