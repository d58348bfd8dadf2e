#include "operator/controller/job_record.h"

#include <algorithm>

#include "common/json/members.h"
#include "common/pod/job_progress.h"
#include "operator/controller/pod_record.h"
#include "operator/decide/conditions.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;

constexpr const char* kKubectlCopy = "kubectl.kubernetes.io/last-applied-configuration";

void take_out_progress(json& job) {
  if (const auto status = job.find("status"); status != job.end() && status->is_object()) {
    status->erase("progress");
  }
  if (const auto metadata = job.find("metadata"); metadata != job.end() && metadata->is_object()) {
    metadata->erase("resourceVersion");
  }
}

double seconds_at(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number() ? found->get<double>() : 0;
}

}  // namespace

void to_job_record(json& job) {
  const auto metadata = job.find("metadata");
  if (metadata == job.end() || !metadata->is_object()) return;
  metadata->erase("managedFields");
  if (const auto annotations = metadata->find("annotations");
      annotations != metadata->end() && annotations->is_object()) {
    annotations->erase(kKubectlCopy);
  }
}

WorkCounts work_counts(const json& progress) {
  if (!progress.is_object()) return {};
  const auto count = [&](const char* name) {
    return std::max<std::int64_t>(0, number_at(progress, name).value_or(0));
  };
  return {count("itemsSucceeded"), count("itemsFailed"), count("miniBatchesSucceeded"),
          count("miniBatchesFailed"), std::max(0.0, seconds_at(progress, pod::kSeconds))};
}

WorkCounts growth(const WorkCounts& before, const WorkCounts& now) {
  const WorkCounts last = furthest(before, now);
  return {last.items_succeeded - before.items_succeeded, last.items_failed - before.items_failed,
          last.mini_batches_succeeded - before.mini_batches_succeeded,
          last.mini_batches_failed - before.mini_batches_failed,
          last.mini_batch_seconds - before.mini_batch_seconds};
}

WorkCounts furthest(const WorkCounts& a, const WorkCounts& b) {
  return {std::max(a.items_succeeded, b.items_succeeded), std::max(a.items_failed, b.items_failed),
          std::max(a.mini_batches_succeeded, b.mini_batches_succeeded),
          std::max(a.mini_batches_failed, b.mini_batches_failed),
          std::max(a.mini_batch_seconds, b.mini_batch_seconds)};
}

std::string state_of(const json& job) {
  std::string state = text_at(object_at(job, "status"), "state");
  return state.empty() ? std::string(to_string(JobState::kPending)) : state;
}

std::string earlier_job_named_in(const json& job) {
  if (!text_at(object_at(job, "status"), "startTime").empty() || finished(job)) return {};
  return text_at(object_at(job, "spec"), "resubmissionOf");
}

bool finished(const json& job) {
  const std::string state = state_of(job);
  return state == to_string(JobState::kComplete) || state == to_string(JobState::kFailed);
}

bool same_but_progress(json before, json after) {
  take_out_progress(before);
  take_out_progress(after);
  return before == after;
}

}  // namespace parallelrun::op
