// [inputs columns] as a worker process is told.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "common/spec/job_spec.h"

namespace parallelrun {

// {"code": "string", ...}
nlohmann::json declared_columns(const Input& input);

}  // namespace parallelrun
