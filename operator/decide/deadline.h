// Policy: how long a job may be active [activeDeadlineSeconds]; its suspensions do not count. Internal to the
// room.
#pragma once

#include <chrono>
#include <optional>

#include "operator/decide/end.h"

namespace parallelrun::op {

std::optional<End> end_by_deadline(Decision& decision);

// How long the job has been active, as `status.activeSeconds` keeps it over a suspension that begins now.
// Precondition: the job has started, and is not suspended.
std::chrono::seconds active_time(const Decision& decision);

}  // namespace parallelrun::op
