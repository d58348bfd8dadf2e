#include "operator/decide/spec_check.h"

#include "common/json/members.h"
#include "common/spec/manifest.h"
#include "operator/decide/spec_identity.h"
#include "operator/pods/children.h"

namespace parallelrun::op {
namespace {

// Why no pods can be made of the spec.
Status check_job(Decision& decision) {
  const DatasetsOfJob& datasets = decision.datasets();
  if (datasets.refused) return Error{ErrorCode::kInvalidArgument, *datasets.refused, false};
  const Result<CheckedJob>& job = decision.job();
  return job.ok() ? check_pods(*job, decision.settings) : Status(job.error());
}

}  // namespace

SpecVerdict check_spec(Decision& decision) {
  const JobFacts& facts = decision.facts;
  const bool seen = facts.observed_generation == facts.generation && !facts.spec_refused;
  if (facts.start_time && seen) return {};
  const std::string unreadable = text_at(decision.snapshot.job, "unreadable");
  if (!unreadable.empty()) {
    return {failed_now(decision, Reason::kInvalidSpec, "the job cannot be read: " + unreadable), {}};
  }
  if (!facts.start_time && decision.datasets().missing) {
    // What is wrong in the job itself no dataset mends.
    const ParsedSpec written = parse_manifest_document(decision.snapshot.job, Place::kCluster);
    if (written.ok()) return {{}, {}, decision.datasets().missing};
  }
  if (const Status checked = check_job(decision); !checked.ok()) {
    const std::string& why = checked.error().message;
    // A slip of the pen is no reason to give up what has run for hours.
    if (facts.start_time) return {std::nullopt, why};
    return {failed_now(decision, Reason::kInvalidSpec, why + "; make a new job"), {}};
  }
  if (!facts.start_time) return {{}, {}, decision.earlier_job().missing};
  const std::string hash = spec_hash(decision.job()->spec());
  if (!comparable(facts.spec_hash, hash) || facts.spec_hash == hash) return {};
  return {failed_now(decision, Reason::kSpecChanged,
                     "a field that identifies the job (code, inputs, side inputs, output, arguments, "
                     "environment, miniBatchSize) was changed after its start; make a new job"),
          {}};
}

}  // namespace parallelrun::op
