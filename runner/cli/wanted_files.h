// What a verb reads of an output directory, so that no more than that is fetched where the output lies in a
// store. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runner/report/log_files.h"

namespace parallelrun {

inline constexpr const char* kLogs = "logs/";  // below the output

struct Amount {
  enum class Kind {
    kAll,
    kFirstLines,  // `number` of them; the file ends there
    kLastLines,   // `number` of them; what is before them are zeros
    kBytes,       // `number` from `offset`; what is around them are zeros. A negative one is one from the end
  };
  Kind kind = Kind::kAll;
  std::uint64_t number = 0;
  std::int64_t offset = 0;

  bool operator==(const Amount&) const = default;
};

struct WantedFile {
  std::string name;  // below the directory
  Amount amount = {};
  bool follow = false;  // also what is added to it later

  bool operator==(const WantedFile&) const = default;
};

struct WantedFiles {
  // Beside the job's state and the names and sizes of its logs, which all read.
  std::vector<WantedFile> files;
  bool state_of_work = false;  // what the log of an output in a store alone has, once it is replayed
};

// Of an output, what a verb is called by.
struct OutputNames {
  std::vector<report::LogFile> logs;
  std::string output_file;   // empty: the script stores the results itself
  std::string format;        // of its rows
  bool rows_in_log = false;  // and the failed items: the job is not over
  bool at_work = false;
};

// `words`: the verb, the directory, and what follows. Of a verb that is not known it is nothing.
WantedFiles wanted_files(const std::vector<std::string>& words, const OutputNames& names);

// Begins each verb's run: whose results these are, and how far the job is.
const std::vector<std::string>& state_file_names();

}  // namespace parallelrun
