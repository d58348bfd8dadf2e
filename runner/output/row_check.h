// What the rows of all mini-batches of a job must have in common before they may stand in one file: with
// output.format csv, the columns. The first result of the job decides it [output_action].
#pragma once

#include <string>

#include "common/result/result.h"

namespace parallelrun {

// Made by RowFile::row_check() of what is committed. One thread at a time; not that of the RowFile.
class RowCheck {
 public:
  RowCheck() = default;
  virtual ~RowCheck() = default;
  RowCheck(const RowCheck&) = delete;
  RowCheck& operator=(const RowCheck&) = delete;

  // Whether the rows of a mini-batch, as their RowEncoder made them, fit those that were admitted before. It
  // may change them to fit: columns are put in the order of the first. Rows that are admitted must be
  // committed, in this order. Error: kInvalidArgument; another try would end the same way, and the message is
  // for the user.
  virtual Status admit(std::string& rows) = 0;
};

}  // namespace parallelrun
