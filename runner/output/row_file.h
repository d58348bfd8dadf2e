// The output file of append_row, as an output format makes it [output_action]. All of a format is a RowFile
// here and a RowEncoder of the worker (runner/python/parallelrun_worker/row_encoder.py): a new one is a class
// on each side and a line in each registry, which here is row_file.cpp.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/result/result.h"
#include "common/spec/job_spec.h"
#include "runner/output/joined_append.h"
#include "runner/output/row_check.h"
#include "runner/output/storage.h"
#include "runner/plan/work_id.h"

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

  // Whether rows of mini-batches, each as its RowEncoder made them, are of this format and of one kind with
  // those before them. Changes nothing on disk. Errors: kCorrupt (the message says which), kIo.
  virtual Status check(const std::vector<std::string>&) { return {}; }
  // Whether check() has nothing to learn from more rows about those that will come.
  virtual bool knows_its_rows() const { return true; }

  // Appends the rows of mini-batches in this order. `of`: whose they are; for files that stand for themselves
  // it may be empty. Errors: those of check(), kNoSpace, kIo.
  virtual Result<Appended> append(const std::vector<std::string>& rows, const std::vector<WorkId>& of) = 0;
  // Appends what stands behind the last rows. Nothing is appended after it.
  virtual Status finish() { return {}; }

  // What rows must have in common with those that are in the file, to be asked before append(). Null: every
  // row may stand beside every other. Errors: kCorrupt, kIo.
  virtual Result<std::shared_ptr<RowCheck>> row_check() { return std::shared_ptr<RowCheck>(); }

  // Makes what the user reads of what is committed, which stays as it is; nothing where that is the same
  // file, whole after each commit. Called when the job ends, before the record that ends it; again where a
  // crash came between the two. Gives length and checksum of `path`, which another program must not change
  // either. Errors: kNoSpace, kIo, kAborted.
  virtual Result<std::optional<Appended>> seal(Storage&, const std::string& /*path*/) {
    return std::optional<Appended>();
  }

 private:
  std::unique_ptr<File> file_;
};

using RowFileMaker = std::function<std::unique_ptr<RowFile>(std::unique_ptr<File>)>;

// Of a file that holds rows of this format alone, in the order in which they are appended.
RowFileMaker row_file_maker(OutputFormat format);
// Of what is appended to while a job runs [output_action].
RowFileMaker row_file_maker(const Output& output);
// Whether that is another file than the one that the user reads (staged_rows.h).
bool is_staged(const Output& output);

}  // namespace parallelrun
