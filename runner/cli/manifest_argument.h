// The manifest that a verb of the command line is given. What is wrong with it is printed to standard error.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/spec/manifest.h"

namespace parallelrun {

void print_problems(const std::vector<SpecProblem>& problems, const std::string& manifest);

struct ReadManifest {
  JobSpec spec;
  nlohmann::json document;  // what it was made of, with the overrides
};

// `manifest`: a path, "-" for standard input. `overrides`: of --set FIELD=VALUE. Nothing: what is wrong has
// been printed.
std::optional<ReadManifest> read_spec(const std::string& manifest, const std::vector<std::string>& overrides);
// The same of a text that has been read. `code_folder`: as for parse_manifest_text().
std::optional<ReadManifest> read_spec(const std::string& text, const std::string& manifest,
                                      const std::vector<std::string>& overrides,
                                      const std::string& code_folder = {});

// Tells what is wrong with globs. False: nothing is.
bool print_broken_globs(const JobSpec& spec, const std::string& manifest);

// The names of the variables of this process.
std::set<std::string> environment_names();

}  // namespace parallelrun
