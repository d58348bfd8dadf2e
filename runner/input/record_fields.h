// The records of files one after another, with the values of some columns: what grouping by columns needs of
// a
// format of tables.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"
#include "runner/input/key_value.h"
#include "runner/plan/passed_over.h"

namespace parallelrun {

// A pull iterator over one file after another. One thread at a time.
class RecordFields {
 public:
  struct Record {
    std::string_view bytes;  // with its line break; holds until the next call
    std::uint64_t row = 0;   // in its file, from 1, blank ones counted
    // Bit i: the i-th wanted value can be nothing but text, whatever it looks like: "1" in JSON.
    std::uint64_t is_text = 0;
  };

  virtual ~RecordFields() = default;

  // The columns of a file, as far as they are known without a worker. Errors: as start().
  virtual Result<std::vector<std::string>> columns_of(const std::string& path) = 0;
  // From the next start() on the texts of these columns are read.
  virtual void want(std::vector<std::string> columns) = 0;
  // Begins a file; its TableFiles open `path`. Where it has the columns of the first one in another order,
  // its records come in that of the first, and other_order() says so. Errors: kInvalidArgument, a sentence
  // with the file and the way out: it lacks a wanted column, has other columns than the first file, or cannot
  // be read record by record; kIo.
  virtual Status start(const std::string& path) = 0;
  virtual bool other_order() const = 0;
  // Why the file of start() has no record; nothing: it may have some.
  virtual std::optional<PassedKind> without_records() const = 0;
  // Sets texts[i] to the value of the i-th wanted column. False: the file ends. Errors: kIo,
  // kInvalidArgument (the file's records do not end).
  virtual Result<bool> next(Record& record, KeyTexts& texts) = 0;
  // What stands before records of any file, so that they are read: the first file's header.
  virtual const std::string& header() const = 0;
};

}  // namespace parallelrun
