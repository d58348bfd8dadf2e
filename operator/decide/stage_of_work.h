// How far the work of a job is, by the progress that its orchestrator has written: what status says while the
// job runs. Pure.
#pragma once

#include <string>

#include "common/json/json.h"

namespace parallelrun::op {

// The stage changes a few times in a job, whatever the counts do.
enum class StageOfWork { kListing, kWaitingForWorkers, kPreparing, kWorking };

// `progress` as `status.progress` has it; an empty object where none has been written.
StageOfWork stage_of_work(const nlohmann::json& progress);
// A sentence.
std::string work_in_words(const nlohmann::json& progress);

}  // namespace parallelrun::op
