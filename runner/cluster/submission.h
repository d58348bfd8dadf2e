// A manifest, made ready for a cluster: volume claims in place of folders, code as ConfigMaps.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "common/result/result.h"
#include "common/spec/problems.h"
#include "runner/cluster/code_map.h"

namespace parallelrun::cluster {

// What the command line gives in place of `local` folders: CLAIM or CLAIM/FOLDER of a PersistentVolumeClaim.
struct Claims {
  std::map<std::string, std::string> inputs;       // --input NAME=CLAIM[/FOLDER]
  std::map<std::string, std::string> side_inputs;  // --side-input NAME=CLAIM[/FOLDER]
  std::string output;                              // --output CLAIM[/FOLDER]; empty: the manifest's
};

// {"persistentVolumeClaim": {"claimName": "data"}, "subPath": "mnist/test"} of "data/mnist/test". Pure.
nlohmann::json claim_source(const std::string& text);

struct Submission {
  nlohmann::json job;                 // for the API server
  std::optional<CodeMap> code;        // where the manifest's code is a local folder
  std::vector<SpecProblem> problems;  // where there are any, the rest is not whole
};

// `document`: a manifest that is sound but for where it runs, with --set applied. `folder`: what its `local`
// paths are relative to; `code`: the folder of code, in place of the manifest's sourceDirectory; empty: as
// the manifest says. Problems: an option names an input that is not there, a source is still `local`, the
// job is bound to another namespace. Errors: those of code_map().
Result<Submission> submission(nlohmann::json document, const Claims& claims, const std::string& folder,
                              const std::string& code, const std::string& name_space);

}  // namespace parallelrun::cluster
