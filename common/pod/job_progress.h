// How far a job is: `status.progress`, and the counts of a termination message, of which it is made at the
// end. Pure.
#pragma once

#include <array>
#include <string>

#include "common/json/json.h"

namespace parallelrun::pod {

// The seconds inside run() over all tries, and the counts that a termination message carries beside them, by
// their names in events, in that message and in `status.progress`.
inline constexpr const char* kSeconds = "miniBatchSecondsTotal";
inline constexpr std::array kFinalCounts = {
    "planComplete", "miniBatchesCreated", "miniBatchesProcessed", "miniBatchesSucceeded", "miniBatchesFailed",
    "itemsTotal",   "itemsSucceeded",     "itemsFailed",          "triesFailed"};

// `status.progress` of a `progress` or `finished` event: its counts, leftOut, takenOver,
// startFailure, miniBatchSecondsTotal, percent (mini-batches done of those created), items ("5 / 10":
// succeeded of all), updateTime as given (RFC 3339).
nlohmann::json progress_status(const nlohmann::json& event, const std::string& update_time);

// The last progress of a job that ended with this termination message, where `last` is the one that was
// written last: the counts are those of the message, what told of work under way is left out, and fields of a
// newer runner stay. Null where the message has no counts, or a count is no number that the API server would
// take.
nlohmann::json final_progress(const nlohmann::json& termination_message, const nlohmann::json& last,
                              const std::string& update_time);

}  // namespace parallelrun::pod
