// Rows of Parquet files grouped by the values of columns, on disk. Values are read and written by pyarrow, in
// a program of its own (runner/python/parallelrun_worker/group_rows.py): it needs a Python with pyarrow.
//
// In the directory of an input, beside `index` and names-TOKEN (record_groups.h):
//   data-TOKEN-NNNNNN.parquet   rows of some groups, each in one file, one row behind the other in the order
//                               of the input; behind their columns the numbers of file and row
// While they are made also result-TOKEN and spill-TOKEN-NNNNNN.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "common/spec/job_spec.h"
#include "runner/input/record_groups.h"
#include "runner/input/store_files.h"

namespace parallelrun {

struct TableGrouping {
  Input input;       // without declared columns that are in paths
  std::string root;  // of its files, ends in '/': absolute, or the address of a store
  std::optional<StoreFiles::Options> store = {};  // where they lie in one: the program asks the data process
  std::string directory;                          // of the groups: ends in '/'; made where it is missing
  std::vector<std::string> keys;                  // those that are columns
  std::vector<bool> in_path;                      // by key of the job; the others are `keys`, in their order
  std::vector<KeyType> path_types;                // by key of the job, for those in paths
  std::uint64_t memory_bytes = 96U << 20U;        // that rows of a part may have, which is sorted in memory
  const std::atomic<bool>* stopped = nullptr;
};

// The columns of the first file. Where all keys are among them, what group_tables() would refuse is refused,
// from the footers alone. Errors: kInvalidArgument, a sentence with the way out: a column that cannot be a
// key, or that another file has with another type, a file that is no Parquet; kUnsupported: no Python with
// pyarrow; kIo.
Result<std::vector<std::string>> check_tables(const std::vector<FileToGroup>& files,
                                              const TableGrouping& grouping);

// `files`: in the order of their rows. Errors: as check_tables(); kNoSpace, kAborted.
Result<RecordGroups> group_tables(const std::vector<FileToGroup>& files, const TableGrouping& grouping);

}  // namespace parallelrun
