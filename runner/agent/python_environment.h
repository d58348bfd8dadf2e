// The Python that the worker processes run [environment]: which python3, with the job's requirements in a
// cached virtual environment, and which launcher. One thread, on the loop: pip may take minutes, and
// heartbeats go on meanwhile.
//
// uv installs where it is there: on PATH, beside python3, or among the wheels; else pip.
// PARALLELRUN_INSTALLER=pip|uv forces one of them.
//
// The cache: ${XDG_CACHE_HOME:-~/.cache}/parallelrun/venvs/<hash of python and requirements>. It is built in
// place under a file lock, so that the paths pip writes into scripts are right, and is complete once its
// marker file is; what has no marker, or no working python3 any more, is built anew.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "runner/agent/log_streams.h"

namespace parallelrun::agent {

// What an interpreter says of itself.
struct PythonInfo {
  std::string executable;   // absolute
  std::string version;      // "3.11.2"
  std::string prefix;       // of the environment
  std::string base_prefix;  // of the installation it is made from
  std::vector<std::string> site_packages;
};
// Errors: kCorrupt.
Result<PythonInfo> parse_python_info(const std::string& json);

// The name of a cached environment; requirements in any order, `file_content` stands for the requirements
// file, what it includes, and local packages.
std::string environment_hash(const PythonInfo& python, std::vector<std::string> requirements,
                             const std::string& file_content);

struct PythonEnvironment {
  std::string python;             // the environment's python3
  std::vector<std::string> argv;  // of the launcher
  bool embedded = false;
};

struct EnvironmentRequest {
  std::string exec_program;
  std::string worker_program;          // parallelrun-worker
  std::string package_directory;       // that holds parallelrun_worker/
  std::vector<std::string> variables;  // environment variables of this machine and job
  std::vector<std::string> requirements;
  std::string requirements_file;  // absolute; empty: none
  std::string source_directory;   // what paths in requirements are relative to; empty: the agent's directory
  std::string conda_file = {};    // absolute; empty: none. In the place of the requirements
  std::string wheels = {};        // absolute folder: the only place to take packages from; empty: the index
  std::vector<std::string> secret_names = {};  // of variables whose values stand in no log
};

// Finds or builds it and calls `done` once. Errors are for the user: the requirement or program is named,
// with what the installer found and its last lines. Errors: kUnavailable (retryable: the cause may go by
// itself), kIo (retryable: unknown cause), kInvalidArgument (trying again cannot help). `log` gets the whole
// output and must outlive the work.
void prepare_environment(boost::asio::io_context& io, EnvironmentRequest request, LogBuffer& log,
                         std::function<void(Result<PythonEnvironment>)> done);

}  // namespace parallelrun::agent
