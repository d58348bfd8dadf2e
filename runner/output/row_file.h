// The output file of append_row, as an output format makes it [output_action]. All of a format is a RowFile
// here and a RowEncoder of the worker (runner/python/parallelrun_worker/row_encoder.py): a new one is a class
// on each side and a line in each registry, which here is row_file.cpp.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/result/result.h"
#include "common/spec/job_spec.h"
#include "runner/output/joined_append.h"
#include "runner/output/row_check.h"
#include "runner/output/storage.h"

namespace parallelrun {

// One thread at a time. After an error of append() any part of the rows may be in the file: it is cut back to
// what is committed when the job goes on.
class RowFile {
 public:
  explicit RowFile(std::unique_ptr<File> file) : file_(std::move(file)) {}
  virtual ~RowFile() = default;
  RowFile(const RowFile&) = delete;
  RowFile& operator=(const RowFile&) = delete;

  // Its length, what is cut off it and its syncs are alike for all formats.
  File& file() { return *file_; }

  // Appends the rows of mini-batches, each as its RowEncoder made them, in this order. Errors: kCorrupt (rows
  // that are not of this format: the message says which), kNoSpace, kIo.
  virtual Result<Appended> append(const std::vector<std::string>& rows) = 0;

  // What rows must have in common with those that are in the file, to be asked before append(). Null: every
  // row may stand beside every other. Errors: kCorrupt, kIo.
  virtual Result<std::shared_ptr<RowCheck>> row_check() { return std::shared_ptr<RowCheck>(); }

  // Makes what the user reads of what is committed, which stays as it is. Called when all rows are committed
  // and checked, before the record that completes the job; again where a crash came between the two. Errors:
  // kNoSpace, kIo.
  virtual Status seal() = 0;

 private:
  std::unique_ptr<File> file_;
};

using RowFileMaker = std::function<std::unique_ptr<RowFile>(std::unique_ptr<File>)>;

RowFileMaker row_file_maker(OutputFormat format);

}  // namespace parallelrun
