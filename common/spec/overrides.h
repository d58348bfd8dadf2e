// `--set FIELD=VALUE`: changes to a manifest before it is checked, so that an override is held to the same
// rules as the file. This is how a PipelineParameter of ParallelRunStep is given another value.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "common/spec/problems.h"

namespace parallelrun {

struct AppliedOverride {
  std::string option;  // "--set 'nodeCount=4'"
  std::string path;    // "spec.nodeCount"
};

// Applies assignments in order. FIELD lies below `spec` unless it begins with `spec`, `metadata`,
// `apiVersion` or `kind`: miniBatchSize, spec.nodeCount, environment.variables.X, inputs[0].glob,
// environment.variables["a.b"]. Objects on the way are made where they are missing, list items are not.
// VALUE is a YAML scalar or flow value; `null` takes the field away, nothing is the empty string.
// Gives where each assignment that was applied has put its value.
std::vector<AppliedOverride> apply_overrides(nlohmann::json& document,
                                             std::span<const std::string> assignments, Problems& problems);

// A problem of a field that an assignment has set is the assignment's, not the file's: its path then begins
// with "--set 'FIELD=VALUE': ".
void name_overrides(std::span<const AppliedOverride> applied, std::vector<SpecProblem>& problems);

}  // namespace parallelrun
