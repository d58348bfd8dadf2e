// The policy of the operator: one pure function. decide.cpp reads as the life of a job; each step is a policy
// with a file of its own, which writes into a Decision (decision.h):
//   spec_check (is the spec valid, and the same job's?), suspension, deadline, end (by the orchestrator's
//   word), datasets (what it has of those that it names), start, replacement (with loss: what a loss is),
//   failure_budget, creation, removal, places (what status remembers), running (the condition; with
//   obstacles: what is in the way), time_to_live.
// Words of conditions and events are in conditions.h.
#pragma once

#include "operator/decide/plan.h"
#include "operator/decide/snapshot.h"

namespace parallelrun::op {

// Deterministic; no clock, no I/O. Applying the plan and deciding again reaches a fixed point: an empty plan.
// Never gives a plan with two living orchestrators, and none with pods for a finished or suspended job.
Plan decide(const Snapshot& snapshot, const Settings& settings, WallTime now);

// The job is Failed for a mistake of ours: what the program threw about it. Reads as little of it as can be.
// Nothing, where it is at its end already.
Plan give_up(const nlohmann::json& job, const std::string& what, WallTime now);

}  // namespace parallelrun::op
