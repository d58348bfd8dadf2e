#include "operator/decide/decide.h"

#include <fmt/format.h>

#include <string>

#include "operator/decide/decision.h"

namespace parallelrun::op {

Plan decide(const Snapshot& snapshot, const Settings& settings, WallTime now) {
  return Decision(snapshot, settings, now).make();
}

Plan give_up(const nlohmann::json& job, const std::string& what, WallTime now) {
  const JobFacts facts(job);
  if (facts.finished || facts.being_deleted || !facts.ours) return {};
  const std::string message = fmt::format(
      "the operator cannot work on this job: {}. This is a bug of the operator; it goes on with other jobs. "
      "Please report it with the job's manifest. What was committed stays in the output",
      what);
  StatusDraft status(job, facts.generation, now);
  status.condition("Failed", true, JobFacts::kInternalError, message);
  if (find_condition(status.draft(), "Running") != nullptr) {
    status.condition("Running", false, "Failed", message);
  }
  status.set("state", "Failed");
  status.set("completionTime", format_wall_time(now));
  status.message(message);
  Plan plan;
  plan.status = status.take();
  plan.events.push_back({.warning = true, .reason = "Failed", .message = "InternalError: " + message});
  return plan;
}

}  // namespace parallelrun::op
