#include "operator/decide/time_to_live.h"

namespace parallelrun::op {

bool delete_in_time(Decision& decision, WallTime ended) {
  if (!decision.facts.ttl) return false;
  const WallTime due = ended + *decision.facts.ttl;
  decision.plan.delete_job = decision.now >= due;
  if (!decision.plan.delete_job) decision.again_at(due);
  return decision.plan.delete_job;
}

void await_deletion(Decision& decision, WallTime ended) {
  if (decision.facts.ttl) decision.again_at(ended + *decision.facts.ttl);
}

}  // namespace parallelrun::op
