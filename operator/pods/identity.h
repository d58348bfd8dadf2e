// Which pod of a job is which, and what it is called.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/pod/pod_layout.h"

namespace parallelrun::op {

enum class Role : std::uint8_t { kOrchestrator, kWorker };

// The word of labels: "orchestrator", "worker".
std::string_view to_string(Role role);

// A job whose results another one takes over [resubmission].
struct EarlierJob {
  std::string name;
  std::string sub_path;  // of its output, in the volume of the other one's; empty: the root

  bool operator==(const EarlierJob&) const = default;
};

struct PodIdentity {
  Role role = Role::kWorker;
  std::uint32_t index = 0;        // 0 for the orchestrator
  std::uint32_t incarnation = 0;  // names the pod together with role and index
  // Orchestrator: holders of the Lease (pod::lease_holder), of earlier incarnations, whose runner is known to
  // have ended: it may be taken from them.
  std::vector<std::string> ended;
  // Orchestrator: pod::kEarlierRuns; empty: there are none.
  std::string earlier_runs = {};
  // Orchestrator: the results of one of them may stand for the job's.
  bool may_reuse = false;
  // Worker: how the pod before it ended, in a line; empty: not known, or there was none.
  std::string predecessor_ended = {};
  // Orchestrator.
  std::optional<EarlierJob> earlier_job = {};

  bool operator==(const PodIdentity&) const = default;
};

// Names, see docs/operator.md.
std::string pod_name(const std::string& job, const PodIdentity& identity);
// The Secret of a job: what its orchestrator and its first workers mount. Further workers have Secrets of
// their own, one for so many; the job's is that with number 0.
inline constexpr std::uint32_t kWorkersInSecret = 128;
std::string secret_name(const std::string& job, std::uint32_t number = 0);
// What a worker registers as, and its certificate's name.
std::string agent_name(std::uint32_t worker);
std::string service_name(const std::string& job);

// Labels and annotations of the objects of a job.
inline constexpr const char* kNameLabel = "app.kubernetes.io/name";
inline constexpr const char* kManagedByLabel = "app.kubernetes.io/managed-by";
inline constexpr const char* kJobLabel = "parallelrun.dev/job";
using pod::kRoleLabel;
inline constexpr const char* kIndexLabel = "parallelrun.dev/index";
inline constexpr const char* kIncarnationLabel = "parallelrun.dev/incarnation";
inline constexpr const char* kMayReuseAnnotation = "parallelrun.dev/may-reuse";  // of an orchestrator's pod
inline constexpr const char* kGenerationAnnotation = "parallelrun.dev/generation";  // of the Secret

// The ServiceAccount, RoleBinding and ClusterRole of orchestrators.
inline constexpr const char* kAccountName = pod::kOrchestratorAccount;

}  // namespace parallelrun::op
