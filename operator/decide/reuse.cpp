#include "operator/decide/reuse.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "common/hash/sha256.h"
#include "common/json/compact_text.h"
#include "common/json/members.h"
#include "common/spec/fields.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;

constexpr const char* kReuseStatus = "reuse";
constexpr std::size_t kMostAlike = 16;     // jobs whose results may stand for this one's
constexpr std::size_t kMostOthers = 4;     // to tell what differs
constexpr std::size_t kMostBytes = 32768;  // of them all
constexpr std::chrono::seconds kTimeToLook{120};
constexpr std::size_t kLongestName = 253;

// Two jobs whose specs differ in it have no results in common. Where rows go, and under how many nodes they
// were made, is not in it. Volumes that only scripts see are: they may be changed while the job runs.
std::string reuse_key(const JobSpec& spec) {
  json fields = identifying_fields(spec, Identity::kJob);
  const json& worker = object_at(spec.cluster, "worker");
  if (const auto volumes = worker.find("volumes"); volumes != worker.end())
    fields["worker"] = {{"volumes", *volumes}};
  return sha256_hex(compact_text(fields));
}

// A kubelet takes $(NAME) in a variable for another one.
std::string without_dollars(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '$') {
      escaped += "\\u0024";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

// What an orchestrator that has reused results says while its pod still lives.
bool all_is_done(const json& progress) {
  const auto planned = progress.find("planComplete");
  return planned != progress.end() && *planned == true &&
         number_at(progress, "miniBatchesProcessed") == number_at(progress, "miniBatchesCreated");
}

}  // namespace

void record_spec_for_reuse(Decision& decision) {
  decision.status.set(kReuseStatus, {{"spec", reuse_key(decision.job()->spec())}});
}

void offer_earlier_runs(Decision& decision, PodIdentity& orchestrator) {
  const std::vector<EarlierRun>& runs = decision.snapshot.earlier_runs;
  // One that has got further has its results already.
  if (runs.empty() || !decision.progress().empty() || !decision.job().ok()) return;
  const JobSpec& spec = decision.job()->spec();
  if (!spec.allow_reuse || spec.output.source.store.is_object()) return;
  const std::string key = reuse_key(spec);
  json offered = json::array();
  std::size_t bytes = 0;
  std::size_t others = 0;
  for (const bool alike : {true, false}) {
    for (const EarlierRun& run : runs) {
      const std::size_t size = compact_text(json(run.sub_path)).size() + run.job.size() + run.record.size();
      const bool full = alike ? offered.size() >= kMostAlike : others >= kMostOthers;
      if ((run.spec == key) != alike || full || bytes + size > kMostBytes) continue;
      bytes += size;
      if (alike) orchestrator.may_reuse = true;
      if (!alike) ++others;
      offered.push_back({{"job", run.job}, {"subPath", run.sub_path}, {"record", run.record}});
    }
  }
  orchestrator.earlier_runs = without_dollars(compact_text(offered));
}

bool looks_for_results(Decision& decision) {
  if (!decision.progress().empty() && !all_is_done(decision.progress())) return false;
  const PodView* orchestrator = decision.slots.orchestrator.current;
  if (orchestrator == nullptr) {
    const std::vector<PodIdentity>& made = decision.plan.create;
    return std::any_of(made.begin(), made.end(), [](const PodIdentity& pod) { return pod.may_reuse; });
  }
  const WallTime until = orchestrator->created + kTimeToLook;
  // No orchestrator is made in the future: the clock was set back.
  const bool in_time = decision.now < until && orchestrator->created <= decision.now + kTimeToLook;
  if (!orchestrator->may_reuse || orchestrator->ended || !in_time) return false;
  decision.again_at(until);
  return true;
}

void tell_reuse(Decision& decision, const End& end) {
  if (!end.complete) return;
  const std::string from = text_at(end.said, "reusedFrom");
  const std::string record = text_at(end.said, "runRecord");
  json reuse = object_at(decision.status.draft(), kReuseStatus);
  if (!from.empty() && from.size() <= kLongestName) reuse["from"] = from;
  // Its orchestrator may have read another spec than the last workers.
  const bool same_spec = decision.job().ok() && text_at(reuse, "spec") == reuse_key(decision.job()->spec());
  if (is_sha256_hex(record) && same_spec) reuse["record"] = record;
  if (!reuse.empty()) decision.status.set(kReuseStatus, std::move(reuse));
  if (!from.empty()) {
    decision.status.condition(ConditionType::kReused, true, Reason::kReused, end.message);
  } else if (const std::string why = text_at(end.said, "notReused"); !why.empty()) {
    decision.status.condition(ConditionType::kReused, false, Reason::kNothingReused, why);
  }
}

}  // namespace parallelrun::op
