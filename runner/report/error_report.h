// The errors of a job's script, alike ones grouped, each group with one traceback (logs/user/errors.json and
// logs/user/error/).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "common/result/result.h"

namespace parallelrun::report {

struct ErrorGroup {
  std::uint64_t count = 0;
  std::string phase;  // "run", "init", "load", ...; empty: the process itself
  std::string type;
  std::string message;
  std::string first;  // time of the first one; then where and in what it happened
  std::string where;
  std::string what;
  std::string last;
  std::string file;       // with its tracebacks, below logs/
  std::string traceback;  // the first one of that file; empty where there is none
  bool earlier = false;   // of the start before this one
};

struct ErrorReport {
  std::vector<ErrorGroup> groups;  // the most frequent first, those of the start before behind them
  std::uint64_t others = 0;        // errors of kinds that are not listed
  bool told = true;                // false: there is no file of them
};

// Nothing where the job had no error, or its file is gone (`told`). Errors: kCorrupt, those of read_error().
Result<ErrorReport> errors_of(const std::string& directory);

nlohmann::ordered_json to_json(const ErrorReport& report);

}  // namespace parallelrun::report
