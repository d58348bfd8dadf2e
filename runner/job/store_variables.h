// The variables of the environment with which a job reaches its stores, and which its scripts do not get.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "common/spec/job_spec.h"

namespace parallelrun {

// `stores`: those that are read with the credentials of the environment. What spec.environment.env asks for
// by name is not among them. Pure.
std::set<std::string, std::less<>> withheld_variables(const JobSpec& spec,
                                                      const std::vector<nlohmann::json>& stores);

// Sources of `spec` in stores that name no Secret: in a pod they are read as its service account.
std::vector<nlohmann::json> stores_without_secret(const JobSpec& spec);

}  // namespace parallelrun
