// What two jobs must have in common, beside what their inputs hold, for the results of one to stand for the
// other's. [allow_reuse]
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "runner/job/resolved_job.h"

namespace parallelrun {

// The identifying settings (identity.h), where each file of the source directory and the five parameters of a
// resubmission that identify no job count too. `version`: of this program. Values of environment variables
// stand as digests.
// On one machine a directory counts by its place: scripts are given paths. In pods data lies at the same
// paths whatever volume it is of, so there the volume and the folder in it count.
enum class PlacesCount : std::uint8_t { kByPath, kByVolume };
nlohmann::json reuse_settings(const ResolvedJob& job, const std::string& version,
                              PlacesCount places = PlacesCount::kByPath);

// Why results of the job stand for no other's, whatever they are, in a sentence part; empty: they may.
std::string never_reused(const ResolvedJob& job);

// What differs, a sentence part each: "miniBatchSize: was 10, now 20", "code: entry.py changed".
std::vector<std::string> differing_reuse_settings(const nlohmann::json& before, const nlohmann::json& now);

}  // namespace parallelrun
