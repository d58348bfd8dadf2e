// What of another job's results a resubmission has taken over, for people.
#pragma once

#include <string>

#include "common/json/json.h"

namespace parallelrun {

// `taken`: the member "takenOver" of events and of logs/sys/progress.json, whoever wrote it. "380 items in 38
// mini-batches of '/data/out'", or "nothing of '/data/out': allowReuse is false". Pure.
std::string taken_over_in_words(const nlohmann::json& taken);

}  // namespace parallelrun
