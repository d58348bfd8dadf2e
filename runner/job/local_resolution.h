// A job on one machine: its volumes become directories. [inputs, side_inputs, source_directory, output of
// ParallelRunStep, as `parallelrun run` takes them]
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/spec/job_spec.h"
#include "common/spec/problems.h"
#include "runner/job/resolved_job.h"

namespace parallelrun {

// What the command line gives in place of volumes. Directories may be relative to the working directory
// of this process.
struct LocalOverrides {
  std::map<std::string, std::string> inputs;       // --input NAME=DIR
  std::map<std::string, std::string> side_inputs;  // --side-input NAME=DIR
  std::optional<std::string> source_directory;     // --source-directory DIR
  std::optional<std::string> output;               // --output DIR
  std::set<std::string> environment_names;  // variables set for this process: they stand in for valueFrom
};

struct LocalResolution {
  ResolvedJob job;                    // whole only where ok()
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
