#pragma once

#include "runner/output/row_file.h"

namespace parallelrun {

// A line for each element. What lacks its last line break gets it.
class TextRows final : public RowFile {
 public:
  using RowFile::RowFile;

  Result<Appended> append(const std::vector<std::string>& rows, const std::vector<WorkId>& of) override;
};

}  // namespace parallelrun
