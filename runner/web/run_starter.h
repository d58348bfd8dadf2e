// Starts `parallelrun resubmit` for a page: a run that goes on when the page and its server end.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <mutex>
#include <string>
#include <vector>

#include "common/posix/process_start.h"
#include "common/result/result.h"

namespace parallelrun::web {

struct BegunRun {
  pid_t pid = 0;
  std::string output;             // its output directory, absolute; empty: it has not said it yet
  bool works = false;             // it has begun, or it is done already
  std::vector<std::string> told;  // its sentences so far: what was taken over
};

// May be used by several threads at once. The destructor leaves the runs alone.
class RunStarter {
 public:
  // `program`: the `parallelrun` to start; `patience`: how long it may take until it works.
  RunStarter(std::string program, std::chrono::milliseconds patience)
      : program_(std::move(program)), patience_(patience) {}

  // `words`: behind the program's name. The run is in a session of its own, has our environment and working
  // directory, and nobody reads what it prints once this has returned: what it does is in its output
  // directory. Errors: kInvalidArgument (it refuses, in its own words), kIo, those of ProcessStart.
  Result<BegunRun> start(const std::vector<std::string>& words);

 private:
  void reap();

  const std::string program_;
  const std::chrono::milliseconds patience_;
  std::mutex mutex_;
  std::vector<StartedProcess> started_;  // to be reaped once they have ended
};

}  // namespace parallelrun::web
