#pragma once

#include "runner/output/row_file.h"

namespace parallelrun {

// A JSON value on each line. Lines that are none are refused, before anything is written: one of them would
// spoil the file for those who read it. (Looked at are the ends of each line, not all that is between them.)
class JsonRows final : public RowFile {
 public:
  using RowFile::RowFile;

  Status check(const std::vector<std::string>& rows) override;
  Result<Appended> append(const std::vector<std::string>& rows, const std::vector<WorkId>& of) override;
};

}  // namespace parallelrun
