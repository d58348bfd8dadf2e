// One decision in the making: what the policies read, and what they write. No policy is in here. Internal to
// the room: decide() is what there is to call.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "operator/decide/conditions.h"
#include "operator/decide/datasets.h"
#include "operator/decide/job_facts.h"
#include "operator/decide/plan.h"
#include "operator/decide/resubmission.h"
#include "operator/decide/slots.h"
#include "operator/decide/snapshot.h"
#include "operator/decide/status_draft.h"

namespace parallelrun::op {

class Decision {
 public:
  // What it is given must outlive it.
  Decision(const Snapshot& the_snapshot, const Settings& the_settings, WallTime the_time);
  Decision(const Decision&) = delete;
  Decision& operator=(const Decision&) = delete;

  // Read by all.
  const Snapshot& snapshot;
  const Settings& settings;
  const WallTime now;
  const JobFacts facts;
  // `status.progress`, which is the orchestrator's; an empty object where there is none.
  const nlohmann::json& progress() const;
  // The job as pods are made of it, or why its spec cannot be read. It is read when it is first asked for.
  const Result<CheckedJob>& job();
  // What it has of the datasets that it names, found out when it is first asked for.
  const DatasetsOfJob& datasets();
  // What it has of the job that it is a resubmission of, found out when it is first asked for.
  const EarlierJobOf& earlier_job();
  // The last refusal of a write of this object ("Pod digits-worker-0-0"); null: none.
  const Refusal* refusal_of(const std::string& object) const;
  // The name of the pod that fills a place now, or is to fill it.
  std::string pod_of(const Slot& slot) const;

  // Written by all.
  Slots slots;
  StatusDraft status;
  Plan plan;
  // Events of the same `same_as` are one that is counted; empty: those of the same message.
  void event(bool warning, const ReasonWord& reason, const std::string& message, std::string same_as = "");
  void again_at(WallTime time);
  void create(PodIdentity identity);
  // Has the job go with the plan, for what is made of it.
  void hand_on_job();
  // `why` is for the log. Nothing, where it is going already.
  void remove(const PodView& pod, const char* why);

 private:
  std::shared_ptr<const Result<CheckedJob>> job_;
  std::optional<DatasetsOfJob> datasets_;
  std::optional<EarlierJobOf> earlier_job_;
  std::map<std::string, const Refusal*> refusals_;  // by object
};

// The text without what changes while it means the same: counts, numbers of pods.
std::string without_digits(const std::string& text);

}  // namespace parallelrun::op
