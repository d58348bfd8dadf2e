// The short-lived pod by which a user looks at the output directory of a job: it mounts the job's output
// volume read-only and runs a verb of ours on it. Of an output in a store it has the container `data`, as the
// job's own pods have: that alone has the Secret, only reads, and gives the other container what the verb
// needs. Pure.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "common/result/result.h"

namespace parallelrun::cluster {

// What else the pod mounts, read-only.
struct LookMount {
  nlohmann::json volume;  // a volume source
  std::string path;
  std::string sub_path;  // empty: the root of the volume
};

struct LookRequest {
  std::string pod;                     // its name
  std::string verb;                    // "logs"
  std::vector<std::string> arguments;  // behind the directory
  std::vector<LookMount> mounts;
  std::chrono::seconds deadline = std::chrono::hours(1);  // a net: it is deleted before
};

// `job`: the custom resource. `job_pods`: pods of the job that are there: where the orchestrator runs, a
// volume that only one node may mount is mounted already, and its pull secrets are needed for the same image.
// Errors: kNotFound (the job has not started: there is no output), kInvalidArgument (its spec is not sound).
Result<nlohmann::json> look_pod(const nlohmann::json& job, const std::vector<nlohmann::json>& job_pods,
                                const LookRequest& request);

// How people call the store with the output of `job`; empty: it lies on a volume. Of a job that look_pod()
// takes.
std::string output_store_of(const nlohmann::json& job);

}  // namespace parallelrun::cluster
