// The verbs of the command line that a user calls: `run` and `validate`.
#pragma once

#include <string>
#include <vector>

namespace parallelrun {

struct RunCommand {
  std::string manifest;                  // path, "-" for standard input
  std::vector<std::string> overrides;    // --set FIELD=VALUE
  std::vector<std::string> inputs;       // --input NAME=DIR
  std::vector<std::string> side_inputs;  // --side-input NAME=DIR
  std::string source_directory;          // --source-directory; empty: the manifest's
  std::string output;                    // --output; empty: the manifest's
  bool overwrite = false;
  bool retry_failed = false;
  bool quiet = false;
  bool json = false;
  std::string program;  // absolute path of this program
};

struct ValidateCommand {
  std::string manifest;
  std::vector<std::string> overrides;
};

// Both print what is wrong to standard error and return the exit code (launcher.h).
int run_command(const RunCommand& command);
// Judges the manifest, whose verdict is the same on every machine. Where all its sources are `local`, what
// `run` would refuse besides (a missing directory, script or variable, an output that cannot be written) is
// a warning: it is this machine's, and an option of `run` may stand in for it.
int validate_command(const ValidateCommand& command);

}  // namespace parallelrun
