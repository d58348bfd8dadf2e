// The member "metrics" of a finished event (runner/orchestrator/server/metrics.h) in words. Pure.
#pragma once

#include <string>
#include <vector>

#include "common/json/json.h"

namespace parallelrun {

// At most some twenty lines, the first one a heading, and none where scripts logged nothing. What is missing
// in the event, or of another type than it should be, is left out. The text is not made presentable yet.
std::vector<std::string> metric_lines(const nlohmann::json& finished);

}  // namespace parallelrun
