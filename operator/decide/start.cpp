#include "operator/decide/start.h"

#include <fmt/format.h>

#include "common/text/counted.h"
#include "operator/decide/datasets.h"
#include "operator/decide/resubmission.h"
#include "operator/decide/reuse.h"
#include "operator/decide/spec_identity.h"

namespace parallelrun::op {

void start(Decision& decision) {
  const JobFacts& facts = decision.facts;
  if (facts.start_time) return;
  StatusDraft& status = decision.status;
  status.set("startTime", format_wall_time(decision.now));
  record_datasets(decision);
  record_earlier_job(decision);
  status.set("specHash", spec_hash(decision.job()->spec()));
  record_spec_for_reuse(decision);
  status.set("runnerImage", decision.settings.runner_image);
  status.set("selector", fmt::format("{}={},{}=worker", kJobLabel, facts.name, kRoleLabel));
  std::string begun =
      fmt::format("Creating the orchestrator and {}", counted(facts.node_count, "worker pod"));
  if (decision.earlier_job().job) begun += "; " + decision.earlier_job().words;
  for (const std::string& words : decision.datasets().words) begun += "; " + words;
  for (const std::string& note : decision.job()->notes()) begun += "; " + note;
  decision.event(false, Reason::kStarted, begun);
}

}  // namespace parallelrun::op
