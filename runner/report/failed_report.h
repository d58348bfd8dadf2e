// The failed items of a job (failed_items.jsonl) as rows, an item or a range of items each.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "common/json/json.h"
#include "common/result/result.h"

namespace parallelrun::report {

struct FailedItem {
  std::string
      kind;  // "failed": its mini-batch failed all tries; "shortfall": one of `count` returned too little
  std::string mini_batch;  // "7", or a part of one: "7.2"
  std::string input;       // its name
  std::string
      item;  // a path, or "sales.csv, records 20 to 39"; of a shortfall it is not known which item failed
  std::uint64_t count = 0;  // items in this row
  std::uint64_t tries = 0;
  std::string error;  // "ValueError: bad digit"
};

// Calls `take` with the rows of the output directory, in the order of their mini-batches' ends, until it
// gives false. Gives the number of lines that could not be read (a job that is at work may be writing the
// last one). A job that failed nothing has no such file: no rows. Errors: those of read_error().
Result<std::uint64_t> for_each_failed(const std::string& directory,
                                      const std::function<bool(const FailedItem& item)>& take);

// Whether that file is not there.
bool has_no_failed_file(const std::string& directory);

nlohmann::ordered_json to_json(const FailedItem& item);

}  // namespace parallelrun::report
