#include "operator/decide/deadline.h"

#include <fmt/format.h>

#include <algorithm>

namespace parallelrun::op {
namespace {

using std::chrono::seconds;

WallTime active_since(const JobFacts& facts) { return facts.resume_time.value_or(*facts.start_time); }

}  // namespace

std::optional<End> end_by_deadline(Decision& decision) {
  const JobFacts& facts = decision.facts;
  if (!facts.deadline || !facts.start_time) return std::nullopt;
  const seconds left = *facts.deadline - facts.active_before;
  // A job that goes on now has its first moment now.
  const WallTime due = (facts.suspended ? decision.now : active_since(facts)) + left;
  if (decision.now < due) {
    decision.again_at(due);
    return std::nullopt;
  }
  return failed_now(
      decision, Reason::kDeadlineExceeded,
      fmt::format("the job was active for {} s, and activeDeadlineSeconds allows no more; what was committed "
                  "stays in the output. If you create the job again, it goes on from there",
                  facts.deadline->count()));
}

seconds active_time(const Decision& decision) {
  const auto since = decision.now - active_since(decision.facts);
  return decision.facts.active_before +
         std::chrono::floor<seconds>(std::max<std::chrono::milliseconds>(since, seconds(0)));
}

}  // namespace parallelrun::op
