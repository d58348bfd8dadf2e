// What the command line of the operator says about pods, the same for all jobs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/json/json.h"

namespace parallelrun::op {

struct Settings {
  std::string runner_image;                     // of orchestrators, and of workers without environment.image
  std::string runner_image_pull_policy;         // empty: the cluster's default
  std::vector<std::string> image_pull_secrets;  // names
  nlohmann::json orchestrator_resources;        // defaults of the runner container; what a job says wins
  nlohmann::json worker_resources;
  nlohmann::json data_resources;  // the same of the container that reads object stores
  // Failures of runner containers, over the job, before it is Failed: base + per worker.
  std::uint32_t infrastructure_failures = 10;
  std::uint32_t infrastructure_failures_per_worker = 5;
};

}  // namespace parallelrun::op
