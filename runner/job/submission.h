// What a job was started with, for starting it again with small changes [resubmission]: kept in its output
// directory. Holds no credentials: values of environment variables, and texts with a password in an address,
// are withheld, and only their digest is there.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "runner/job/resolved_job.h"

namespace parallelrun {

inline constexpr const char* kSubmissionPath = ".parallelrun/submission.json";  // below the output directory

// Where what the job used came from.
struct SubmittedWith {
  std::string manifest;                            // absolute path; empty: standard input
  std::map<std::string, std::string> credentials;  // --credentials NAME=FILE, absolute
  std::string datasets;                            // --datasets, absolute; empty: the user's folder
  std::string resubmission_of;                     // the other output directory; empty: it is no resubmission
};

// {"manifest", "credentials", "datasets", "resubmissionOf", "spec": the manifest that says what the job's
// spec says, "withheld": {JSON pointer into it: digest}, "inputs", "sideInputs": {name: directory},
// "sourceDirectory"}. The orchestrator adds "settings", reuse_settings() of the job's beginning, and
// "miniBatchSize".
nlohmann::json submission_of(const ResolvedJob& job, const SubmittedWith& with);

// Of a job of a cluster, whose spec is in the cluster: {"job": {"namespace", "name", "uid"}}, and for the
// orchestrator alone kPodSideInputs: {name: where it lies in its pod}. It adds the same.
nlohmann::json submission_of_pod(const std::string& name_space, const std::string& name,
                                 const std::string& uid,
                                 const std::map<std::string, std::string>& side_inputs);
inline constexpr const char* kPodSideInputs = "podSideInputs";

// Puts back what was withheld, as far as `manifest` (a document; null: there is none) still says it in the
// same place. Gives the places that stay withheld: "spec.environment.variables.TOKEN".
std::vector<std::string> put_back_withheld(nlohmann::json& spec, const nlohmann::json& withheld,
                                           const nlohmann::json& manifest);
// Of `withheld`: the places where `spec` still has nothing.
std::vector<std::string> still_withheld(const nlohmann::json& spec, const nlohmann::json& withheld);

// Of reuse_settings(): what the row of an item depends on. How items are put together, how much works on them
// and where the rows go is left out.
nlohmann::json settings_of_items(const nlohmann::json& settings);

}  // namespace parallelrun
