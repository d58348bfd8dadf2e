// A job on one machine: its volumes become directories. [inputs, side_inputs, source_directory, output of
// ParallelRunStep, as `parallelrun run` takes them]
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "common/spec/job_spec.h"
#include "common/spec/problems.h"
#include "common/spec/store_sources.h"
#include "runner/job/resolved_job.h"

namespace parallelrun {

// What the command line gives in place of volumes. Directories may be relative to the working directory
// of this process.
struct LocalOverrides {
  std::map<std::string, std::string> inputs;       // --input NAME=DIR
  std::map<std::string, std::string> side_inputs;  // --side-input NAME=DIR
  std::optional<std::string> source_directory;     // --source-directory DIR
  std::optional<std::string> output;               // --output DIR
  std::map<std::string, std::string> credentials;  // --credentials NAME=FILE
  std::string data_directory;  // where objects of stores are fetched to; empty: sources in stores are refused
  std::string fetched_code;    // code_in_store()'s directory, once its files are there
  std::set<std::string> environment_names;  // variables set for this process: they stand in for valueFrom
};

// Something of a job that lies in a store.
struct StoreInUse {
  StoreUse use = StoreUse::kInput;
  std::string name;         // of the input or side input
  nlohmann::json source;    // as in the manifest; the path of a caCertificate is absolute
  std::string directory;    // where its objects become files; of a side input it may become one file
  std::string credentials;  // absolute path of a file; empty: those of the environment
  // In a pod `credentials` is a folder with the keys of the Secret of this name.
  std::string secret = {};
  std::string certificate = {};  // key of that Secret which caCertificate names
  // Of a tabular input, what the data process must know of it: {"miniBatchSize": bytes, "columns": {name:
  // type}, "carried": [names]}; null: it is none.
  nlohmann::json table = nullptr;
  bool read_only = false;    // an output that somebody looks at
  bool only_listed = false;  // a side input of which nothing is fetched: the orchestrator's in a pod
};

// StoreInUse::table of an input of `spec`.
nlohmann::json table_in_use(const JobSpec& spec, const Input& input);

// Whether an input, a side input, the code or the output lies in a store and no option stands in for it.
bool uses_stores(const JobSpec& spec, const LocalOverrides& overrides);

struct CodeInStore {
  std::optional<StoreInUse> store;  // nothing: it lies in none, or an option stands in for it
  std::vector<SpecProblem> problems;
};

// The code, where it must be fetched before resolve() can read it.
CodeInStore code_in_store(const JobSpec& spec, const LocalOverrides& overrides,
                          const std::filesystem::path& manifest);

struct LocalResolution {
  ResolvedJob job;                    // whole only where ok()
  std::vector<StoreInUse> stores;     // not a part of the job: who runs it is told no credentials
  std::vector<SpecProblem> problems;  // paths are fields or options

  bool ok() const { return problems.empty(); }
};

// Reads the file system (existence, kind, permission, and the whole code for its hash) and writes nothing:
// an output directory that is missing is not made. `manifest` is the manifest's path: `local` paths are
// relative to its folder, and a change to it is no change to the code. In the resolved spec, sources that
// an option stands in for are `local` ones.
LocalResolution resolve(const JobSpec& spec, const LocalOverrides& overrides,
                        const std::filesystem::path& manifest);

}  // namespace parallelrun
