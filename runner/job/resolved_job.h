// A job whose volumes have become directories of this machine: what orchestrator and agents work from,
// the same in pods (mount paths) and on one machine.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "common/result/result.h"
#include "common/spec/job_spec.h"
#include "runner/job/code_files.h"

namespace parallelrun {

struct ResolvedJob {
  JobSpec spec;
  std::map<std::string, std::string> input_directories;       // by input name, absolute
  std::map<std::string, std::string> side_input_directories;  // by side input name, absolute
  std::string source_directory;                               // absolute; empty: none
  std::string script;                                         // absolute path of the entry script
  std::string output_directory;                               // absolute
  std::vector<std::string> arguments;                         // placeholders expanded
  CodeFiles code_files;                                       // empty: only the hash is known
  CodeFiles other_files;                                      // what else lies in the source directory
  std::string code_hash;                                      // see code_hash() in code_hash.h
  // What lies below the source directory and is not code: the manifest, data, the output. Relative to it.
  std::vector<std::string> not_code;

  bool operator==(const ResolvedJob&) const = default;
};

// Where people find the output: a directory, or a store, "s3://bucket/folder". (`output_directory` is then
// where this machine works on it.)
std::string shown_output(const ResolvedJob& job);

// The job as JSON: the form in which it is handed to the orchestrator and on to the agents. The spec is
// written in the custom resource's form, so that reading it back goes through the same validation.
nlohmann::json to_json(const ResolvedJob& job);

// Errors: kInvalidArgument naming the field.
Result<ResolvedJob> resolved_job_from_json(const nlohmann::json& document);

}  // namespace parallelrun
