#pragma once

#include <string>

#include "common/json/json.h"

namespace parallelrun::orchestrator {

// Who holds an output, as its lock says it: {"pid", "host", "started", "lease"}. `lease`: the
// NAMESPACE/NAME of the job whose Lease this process holds; empty: none.
nlohmann::json lock_holder(const std::string& lease);

}  // namespace parallelrun::orchestrator
