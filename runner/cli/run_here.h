// A job on this machine from a manifest: what `run` and `resubmit` have in common.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runner/job/resolved_job.h"

namespace parallelrun {

struct RunHere {
  std::string manifest;                  // path, "-" for standard input; of `text`: where it came from
  std::optional<std::string> text;       // the manifest's text, where it is not read from there
  std::string shown_manifest;            // what problems are told of; empty: `manifest`
  std::vector<std::string> overrides;    // --set FIELD=VALUE
  std::vector<std::string> inputs;       // --input NAME=DIR
  std::vector<std::string> side_inputs;  // --side-input NAME=DIR
  std::vector<std::string> credentials;  // --credentials NAME=FILE
  std::string source_directory;          // --source-directory; empty: the manifest's
  std::string output;                    // --output; empty: the manifest's
  std::string datasets;                  // --datasets; empty: see dataset_folder_path()
  std::string take_over;                 // --take-over DIR: of an earlier job; empty: none
  // In place of --output: says for the resolved job where it goes. Empty: nobody asks.
  std::function<std::string(const ResolvedJob& job)> output_of = {};
  bool overwrite = false;
  bool retry_failed = false;
  bool explain = false;
  bool quiet = false;
  bool json = false;
};

// Gives the exit code. What is wrong is printed.
int run_here(const RunHere& command);

// "NAME=DIR" (or FILE) options into a map; `form` is that of the option. False: one is malformed or doubled,
// and that has been printed.
bool read_named(const char* option, const char* form, const std::vector<std::string>& values,
                std::map<std::string, std::string>& into);

// The same of --input and --side-input.
bool read_folders(const std::vector<std::string>& given_inputs,
                  const std::vector<std::string>& given_side_inputs,
                  std::map<std::string, std::string>& inputs,
                  std::map<std::string, std::string>& side_inputs);

// PYTHONPATH of this process, whose relative entries scripts would look for in their own folder.
void make_python_path_absolute();

}  // namespace parallelrun
