// Policy: whose results an orchestrator may reuse [allow_reuse], that no worker starts while it looks, and
// what status says of it. Which results stand for the job the orchestrator alone can tell: it sees the data.
// See decision 27. Internal to the room.
#pragma once

#include "operator/decide/decision.h"
#include "operator/decide/end.h"
#include "operator/pods/identity.h"

namespace parallelrun::op {

// At the start of a job: what its spec says, for later jobs.
void record_spec_for_reuse(Decision& decision);

// Gives an orchestrator that is to be made the jobs whose results it may look at.
void offer_earlier_runs(Decision& decision, PodIdentity& orchestrator);

// Whether an orchestrator looks at results that may stand for the job's, or has found them and is about to
// end, so that workers may not be needed.
// They start without it when it takes too long: a worker that is not needed does no harm.
bool looks_for_results(Decision& decision);

// What the orchestrator has said of it at the end.
void tell_reuse(Decision& decision, const End& end);

}  // namespace parallelrun::op
