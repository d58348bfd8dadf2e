// The files below logs/ of an output directory, and how a user names them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/result/result.h"

namespace parallelrun::report {

struct LogFile {
  std::string name;  // below logs/
  std::uint64_t bytes = 0;
};

// By name. Links are left out: the tree has none of ours. Errors: kNotFound (no logs/ yet), those
// of read_error().
Result<std::vector<LogFile>> log_files(const std::string& directory);

// Those that `wanted` names: a file ("user/error.txt", also with logs/ before it, or its last part alone), a
// folder ("user/stdout"), a process ("process000": its files of all nodes) or a node ("127.0.0.1"); what a
// rotation has put aside (NAME.1) comes only by its own name. Pure.
std::vector<LogFile> selected(const std::vector<LogFile>& files, const std::string& wanted);

}  // namespace parallelrun::report
