// Which request writes a status. Pure.
//
// A merge patch of what changes, with the resource version that the decision was made on: the status records
// incarnations, so one that was decided on an old state must not land. Progress is another writer's, and only
// in the patch where that one could not write its last. Server-side apply would need the same precondition,
// costs the server more, and gives a restarted operator of another version the fields of its predecessor only
// if both list all of them.
#pragma once

#include <optional>

#include "common/json/json.h"

namespace parallelrun::op {

// `status` is the whole new status: a member that it leaves out is removed, progress excepted. Nothing when
// the job has it already.
std::optional<nlohmann::json> status_patch(const nlohmann::json& job, const nlohmann::json& status);

}  // namespace parallelrun::op
