// The spec of a job as logs tell it. Pure.
#pragma once

#include "common/json/json.h"
#include "common/spec/job_spec.h"

namespace parallelrun {

// As a manifest has it, with "***" for the values of environment variables, which are often secrets.
nlohmann::json told_spec(const JobSpec& spec);

}  // namespace parallelrun
