// The manifest of a job that does anew what a job of the cluster did, with changes [resubmission]. Pure.
#pragma once

#include <optional>
#include <string>

#include "common/json/json.h"

namespace parallelrun::cluster {

// The name of a resubmission: "digits-2" of "digits", and "digits-3" of "digits-2" where that is one itself.
// `number` >= 2. What would be too long for a name is cut in front of the number.
std::string resubmission_name(const nlohmann::json& job, int number);

// `name`: of the new job. `number`: of its output folder, "results/digits-2" beside "results/digits";
// nothing: the folder ends in `name`. What the server and kubectl have written into metadata is left out, and
// so is spec.suspend.
nlohmann::json resubmission_of(const nlohmann::json& job, const std::string& name, std::optional<int> number);

// Whether both have their output in the same volume.
bool same_output_volume(const nlohmann::json& a, const nlohmann::json& b);

}  // namespace parallelrun::cluster
