#include "operator/decide/conditions.h"

#include <algorithm>

#include "common/json/members.h"

namespace parallelrun::op {

std::string_view to_string(JobState state) {
  switch (state) {
    case JobState::kPending:
      return "Pending";
    case JobState::kRunning:
      return "Running";
    case JobState::kSuspended:
      return "Suspended";
    case JobState::kComplete:
      return "Complete";
    case JobState::kFailed:
      break;
  }
  return "Failed";
}

std::string_view to_string(ConditionType type) {
  switch (type) {
    case ConditionType::kSuspended:
      return "Suspended";
    case ConditionType::kRunning:
      return "Running";
    case ConditionType::kReused:
      return "Reused";
    case ConditionType::kComplete:
      return "Complete";
    case ConditionType::kFailed:
      break;
  }
  return "Failed";
}

// One line for each, so that the list can be read.
// clang-format off
std::string_view to_string(Reason reason) {
  switch (reason) {
    case Reason::kCompleted: return "Completed";
    case Reason::kCompletedWithFailures: return "CompletedWithFailures";
    case Reason::kJobFailed: return "JobFailed";
    case Reason::kInvalidSpec: return "InvalidSpec";
    case Reason::kSpecChanged: return "SpecChanged";
    case Reason::kDeadlineExceeded: return "DeadlineExceeded";
    case Reason::kInfrastructureFailures: return "InfrastructureFailures";
    case Reason::kInternalError: return "InternalError";
    case Reason::kRunning: return "Running";
    case Reason::kStarting: return "Starting";
    case Reason::kWorkersMissing: return "WorkersMissing";
    case Reason::kWorkersFailing: return "WorkersFailing";
    case Reason::kImagePullFailed: return "ImagePullFailed";
    case Reason::kInvalidImageName: return "InvalidImageName";
    case Reason::kCreateContainerConfigError: return "CreateContainerConfigError";
    case Reason::kVolumeMissing: return "VolumeMissing";
    case Reason::kVolumeNotMounted: return "VolumeNotMounted";
    case Reason::kSandboxFailed: return "SandboxFailed";
    case Reason::kStoreNotReady: return "StoreNotReady";
    case Reason::kSchedulingGated: return "SchedulingGated";
    case Reason::kUnschedulable: return "Unschedulable";
    case Reason::kQuotaExceeded: return "QuotaExceeded";
    case Reason::kPodRefused: return "PodRefused";
    case Reason::kObjectRefused: return "ObjectRefused";
    case Reason::kNameTaken: return "NameTaken";
    case Reason::kNamespaceTerminating: return "NamespaceTerminating";
    case Reason::kOperatorForbidden: return "OperatorForbidden";
    case Reason::kDatasetMissing: return "DatasetMissing";
    case Reason::kDatasetInvalid: return "DatasetInvalid";
    case Reason::kDatasetsUnreadable: return "DatasetsUnreadable";
    case Reason::kEarlierJobMissing: return "EarlierJobMissing";
    case Reason::kEarlierJobActive: return "EarlierJobActive";
    case Reason::kEarlierJobElsewhere: return "EarlierJobElsewhere";
    case Reason::kComplete: return "Complete";
    case Reason::kFailed: return "Failed";
    case Reason::kSuspended: return "Suspended";
    case Reason::kResumed: return "Resumed";
    case Reason::kReused: return "Reused";
    case Reason::kNothingReused: return "NothingReused";
    case Reason::kStarted: return "Started";
    case Reason::kScaled: return "Scaled";
    case Reason::kOrchestratorReplaced: return "OrchestratorReplaced";
    case Reason::kWorkerReplaced: return "WorkerReplaced";
    case Reason::kDatasetDeleted: break;
  }
  return "DatasetDeleted";
}
// clang-format on

const nlohmann::json* find_condition(const nlohmann::json& status, ConditionType type) {
  if (!status.is_object()) return nullptr;
  const auto conditions = status.find("conditions");
  if (conditions == status.end() || !conditions->is_array()) return nullptr;
  const auto found = std::find_if(conditions->begin(), conditions->end(), [&](const nlohmann::json& one) {
    return text_at(one, "type") == to_string(type);
  });
  return found == conditions->end() ? nullptr : &*found;
}

}  // namespace parallelrun::op
