// Policy: what status remembers of the job's places, and how many workers it tells of. Internal to the room.
#pragma once

#include "operator/decide/obstacles.h"
#include "operator/decide/spec_check.h"

namespace parallelrun::op {

// status.orchestrator and status.workers: incarnations, failures in a row, pauses. A restarted operator knows
// no more.
void record_places(Decision& decision);

// status.replicas.
void record_replicas(Decision& decision, const SpecVerdict& spec, const Obstacles& obstacles);

// status.readyReplicas. The last of what is written: other news make its own worth a write. `vanished`:
// workers were, which has been told.
void record_ready_replicas(Decision& decision, bool vanished);

}  // namespace parallelrun::op
