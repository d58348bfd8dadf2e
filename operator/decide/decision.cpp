#include "operator/decide/decision.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/json/members.h"
#include "common/text/presentable.h"

namespace parallelrun::op {

Decision::Decision(const Snapshot& the_snapshot, const Settings& the_settings, WallTime the_time)
    : snapshot(the_snapshot),
      settings(the_settings),
      now(the_time),
      facts(the_snapshot.job),
      slots(arrange(the_snapshot, facts)),
      status(the_snapshot.job, facts.generation, the_time) {
  for (const Refusal& refusal : snapshot.refusals) refusals_.emplace(refusal.object, &refusal);
}

const nlohmann::json& Decision::progress() const {
  return object_at(object_at(snapshot.job, "status"), "progress");
}

const Result<CheckedJob>& Decision::job() {
  if (job_ == nullptr) {
    job_ = std::make_shared<const Result<CheckedJob>>(CheckedJob::read(snapshot.job, datasets().pinned));
  }
  return *job_;
}

const DatasetsOfJob& Decision::datasets() {
  if (!datasets_) datasets_ = datasets_of(snapshot, facts);
  return *datasets_;
}

const EarlierJobOf& Decision::earlier_job() {
  if (!earlier_job_) earlier_job_ = earlier_job_of(snapshot, facts);
  return *earlier_job_;
}

const Refusal* Decision::refusal_of(const std::string& object) const {
  const auto found = refusals_.find(object);
  return found == refusals_.end() ? nullptr : found->second;
}

std::string Decision::pod_of(const Slot& slot) const {
  return pod_name(facts.name,
                  {.role = slot.role, .index = slot.index, .incarnation = slot.incarnation, .ended = {}});
}

void Decision::event(bool warning, const ReasonWord& reason, const std::string& message,
                     std::string same_as) {
  plan.events.push_back(
      {.warning = warning, .reason = reason, .message = presentable(message), .same_as = std::move(same_as)});
}

void Decision::again_at(WallTime time) {
  if (!plan.again_at || time < *plan.again_at) plan.again_at = time;
}

void Decision::hand_on_job() {
  (void)job();
  plan.job = job_;
}

void Decision::create(PodIdentity identity) {
  hand_on_job();
  plan.create.push_back(std::move(identity));
}

void Decision::remove(const PodView& pod, const char* why) {
  if (!pod.deleting) plan.remove.push_back({.name = pod.name, .uid = pod.uid, .why = why});
}

std::string without_digits(const std::string& text) {
  std::string rest;
  std::copy_if(text.begin(), text.end(), std::back_inserter(rest), [](char c) { return c < '0' || c > '9'; });
  return rest;
}

}  // namespace parallelrun::op
