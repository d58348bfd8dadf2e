// Runs another program to its end, without a shell. (process_start.h is for one that goes on beside us.)
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "common/result/result.h"

namespace parallelrun {

struct ProgramRun {
  std::string program;                   // with a '/': that file; else looked up in our PATH
  std::vector<std::string> arguments;    // without the program's name
  std::vector<std::string> environment;  // NAME=VALUE, all of it
  std::chrono::milliseconds time_limit{};
  std::size_t longest_output = std::size_t{1} << 20;  // bytes of standard output; more is an error
  const std::atomic<bool>* stopped = nullptr;         // true: it is killed, and the outcome is kAborted
  std::string input = {};                             // its standard input; empty: /dev/null
};

struct ProgramOutcome {
  int exit_code = 0;  // 128 + N where signal N ended it
  std::string output;
  std::string errors;  // the last bytes of standard error
};

// Blocks. The program is in a process group of its own, all of which is killed
// when the time is over or it is stopped (kAborted) or when it writes too much (kInvalidArgument). kNotFound:
// there is no such program. Other errors are those of ProcessStart; they may pass.
Result<ProgramOutcome> run_program(const ProgramRun& run);

}  // namespace parallelrun
