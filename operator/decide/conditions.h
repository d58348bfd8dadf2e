// The words of a status: the state of a job, the types of its conditions, and the reasons that the operator
// gives in conditions and events. Each is an enumerator here and has its text in conditions.cpp, nowhere
// else.
//
// A new reason: an enumerator, its text, and a row in docs/troubleshooting.md (tests/lint asks for it).
// A new condition: an enumerator, its text, and a policy that sets it, called in decide.cpp.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "common/json/json.h"

namespace parallelrun::op {

// `status.state`.
enum class JobState : std::uint8_t { kPending, kRunning, kSuspended, kComplete, kFailed };
inline constexpr std::array kJobStates = {JobState::kPending, JobState::kRunning, JobState::kSuspended,
                                          JobState::kComplete, JobState::kFailed};

// `status.conditions[].type`.
enum class ConditionType : std::uint8_t { kSuspended, kRunning, kReused, kComplete, kFailed };

enum class Reason : std::uint8_t {
  // The job is Complete.
  kCompleted,
  kCompletedWithFailures,
  // The job is Failed. (A runner has further words for it.)
  kJobFailed,  // the runner gave no word
  kInvalidSpec,
  kSpecChanged,
  kDeadlineExceeded,
  kInfrastructureFailures,
  kInternalError,
  // It runs, or is on its way.
  kRunning,
  kStarting,
  kWorkersMissing,
  // It does not run: something is in the way. (A kubelet has further words for it.)
  kWorkersFailing,
  kImagePullFailed,
  kInvalidImageName,
  kCreateContainerConfigError,
  kVolumeMissing,
  kVolumeNotMounted,
  kSandboxFailed,
  kStoreNotReady,
  kSchedulingGated,
  kUnschedulable,
  kQuotaExceeded,
  kPodRefused,
  kObjectRefused,
  kNameTaken,
  kNamespaceTerminating,
  kOperatorForbidden,
  kDatasetMissing,
  kDatasetInvalid,
  kDatasetsUnreadable,
  kEarlierJobMissing,
  kEarlierJobActive,
  kEarlierJobElsewhere,
  // It does not run, since it is at its end or suspended.
  kComplete,
  kFailed,
  kSuspended,
  kResumed,
  // Whether its results are those of another job.
  kReused,
  kNothingReused,
  // Of events only.
  kStarted,
  kScaled,
  kOrchestratorReplaced,
  kWorkerReplaced,
  kDatasetDeleted,
};

std::string_view to_string(JobState state);
std::string_view to_string(ConditionType type);
std::string_view to_string(Reason reason);

// The reason of a condition or event as its text: one of ours, or the word of a runner or a kubelet.
class ReasonWord {
 public:
  ReasonWord(Reason ours) : text_(to_string(ours)) {}  // NOLINT(google-explicit-constructor)
  // What somebody else called it, or what a status says.
  static ReasonWord told(std::string word) { return ReasonWord(std::move(word)); }

  const std::string& text() const { return text_; }
  bool operator==(const ReasonWord&) const = default;

 private:
  explicit ReasonWord(std::string word) : text_(std::move(word)) {}
  std::string text_;
};

// One of the conditions of a status; null: it has none of that type.
const nlohmann::json* find_condition(const nlohmann::json& status, ConditionType type);

}  // namespace parallelrun::op
