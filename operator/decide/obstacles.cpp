#include "operator/decide/obstacles.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "common/spec/utf8.h"

namespace parallelrun::op {
namespace {

constexpr std::size_t kLongestQuote = 700;  // bytes of what others said

std::string quoted(const std::string& message) { return std::string(utf8_prefix(message, kLongestQuote)); }

bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

// The object that is "not found" by the words of a kubelet or the scheduler:
//   configmap "code" not found, secrets "token" not found, persistentvolumeclaim "data" not found,
//   references non-existent config key ...
std::optional<std::string> missing_object(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kKinds = {{
      {"persistentvolumeclaim \"", "PersistentVolumeClaim"},
      {"persistentvolumeclaims \"", "PersistentVolumeClaim"},
      {"configmap \"", "ConfigMap"},
      {"configmaps \"", "ConfigMap"},
      {"secret \"", "Secret"},
      {"secrets \"", "Secret"},
  }};
  for (const auto& [words, kind] : kKinds) {
    const std::size_t begin = text.find(words);
    if (begin == std::string_view::npos) continue;
    const std::string_view rest = text.substr(begin + words.size());
    const std::size_t end = rest.find('"');
    if (end == std::string_view::npos || !rest.substr(end + 1).starts_with(" not found")) continue;
    return fmt::format("{} '{}'", kind, rest.substr(0, end));
  }
  return std::nullopt;
}

Obstacle volume_missing(const std::string& pod, const std::string& object) {
  return {Reason::kVolumeMissing,
          fmt::format("{} waits for the {}, but it does not exist; create it, or correct its name in the job",
                      pod, object)};
}

std::optional<Obstacle> waiting(const PodView& pod) {
  const std::string& reason = pod.waiting_reason;
  const std::string said = quoted(pod.waiting_message);
  if (reason == to_string(Reason::kInvalidImageName)) {
    return Obstacle{Reason::kInvalidImageName,
                    fmt::format("{}: the name of its image is not valid ({}); make a new job and correct "
                                "environment.image",
                                pod.name, said)};
  }
  static const std::array<std::string_view, 7> kPull = {"ErrImagePull",
                                                        "ImagePullBackOff",
                                                        "ImageInspectError",
                                                        "ErrImageNeverPull",
                                                        "RegistryUnavailable",
                                                        "SignatureValidationFailed",
                                                        to_string(Reason::kImagePullFailed)};
  if (std::find(kPull.begin(), kPull.end(), reason) != kPull.end()) {
    return Obstacle{
        Reason::kImagePullFailed,
        fmt::format("{}: its image cannot be pulled ({}); check the image's name. If the registry needs "
                    "credentials, check imagePullSecrets too",
                    pod.name, said)};
  }
  if (reason == to_string(Reason::kCreateContainerConfigError)) {
    if (const auto object = missing_object(pod.waiting_message)) {
      return Obstacle{Reason::kCreateContainerConfigError,
                      fmt::format("{}: environment.env names the {}, but it does not exist; create it, or "
                                  "correct its name",
                                  pod.name, *object)};
    }
    const bool root = has(pod.waiting_message, "non-root") || has(pod.waiting_message, "runAsNonRoot");
    return Obstacle{Reason::kCreateContainerConfigError,
                    fmt::format("{}: its container cannot be created: {}{}", pod.name, said,
                                root ? "; set securityContext.runAsUser in the pod's template" : "")};
  }
  if (reason.empty()) return std::nullopt;
  // CreateContainerError, RunContainerError and what newer kubelets have.
  return Obstacle{ReasonWord::told(reason),
                  fmt::format("{}: its container does not start: {}", pod.name, said)};
}

std::optional<Obstacle> told_by_events(const PodView& pod) {
  for (auto warning = pod.warnings.rbegin(); warning != pod.warnings.rend(); ++warning) {
    const bool volume = warning->reason == "FailedMount" || warning->reason == "FailedAttachVolume";
    if (const auto object = missing_object(warning->message); object && volume)
      return volume_missing(pod.name, *object);
    if (volume) {
      return Obstacle{Reason::kVolumeNotMounted,
                      fmt::format("{}: a volume cannot be mounted: {}", pod.name, quoted(warning->message))};
    }
    if (warning->reason == "FailedCreatePodSandBox") {
      return Obstacle{Reason::kSandboxFailed, fmt::format("{}: its node {} cannot start it: {}", pod.name,
                                                          pod.node, quoted(warning->message))};
    }
  }
  return std::nullopt;
}

std::optional<Obstacle> unscheduled(const PodView& pod, WallTime now) {
  if (pod.unscheduled_reason.empty() || !pod.node.empty() || now < pod.created + kTimeToSchedule)
    return std::nullopt;
  if (pod.unscheduled_reason == to_string(Reason::kSchedulingGated)) {
    return Obstacle{Reason::kSchedulingGated, fmt::format("{} waits for a scheduling gate: {}", pod.name,
                                                          quoted(pod.unscheduled_message))};
  }
  if (const auto object = missing_object(pod.unscheduled_message)) return volume_missing(pod.name, *object);
  const bool unbound = has(pod.unscheduled_message, "unbound immediate PersistentVolumeClaims");
  return Obstacle{
      Reason::kUnschedulable,
      fmt::format("{} fits on no node: {}; {}", pod.name, quoted(pod.unscheduled_message),
                  unbound ? "kubectl describe pvc says why the claim is not bound"
                          : "ask for less in resources, change nodeSelector, affinity or tolerations, or "
                            "add nodes")};
}

}  // namespace

bool is_stuck(const PodView& pod) {
  return pod.phase == "Pending" && !pod.node.empty() && pod.waiting_reason.empty() && !pod.ended &&
         !pod.deleting;
}

std::optional<Obstacle> obstacle_of(const PodView& pod, WallTime now) {
  if (!pod.data_trouble.empty()) {
    return Obstacle{
        Reason::kStoreNotReady,
        fmt::format(
            "{}: what the job has in object stores cannot be read: {}. It is tried again after longer "
            "and longer pauses. Correct the store, the Secret or the network, and the job goes on",
            pod.name, quoted(pod.data_trouble))};
  }
  if (auto found = waiting(pod)) return found;
  if (pod.phase != "Pending") return std::nullopt;
  if (auto found = unscheduled(pod, now)) return found;
  return is_stuck(pod) ? told_by_events(pod) : std::nullopt;
}

Obstacle name_taken(const std::string& object) {
  return {
      Reason::kNameTaken,
      fmt::format("{} exists already and does not belong to this job; if an earlier job of the same name is "
                  "being deleted, wait. Else delete the object, or give the job another name",
                  object)};
}

Obstacle obstacle_of(const Refusal& refusal) {
  const std::string said = quoted(refusal.message);
  if (refusal.reason == "AlreadyExists") return name_taken(refusal.object);
  // "failed quota: team: must specify limits.memory for: runner; requests.cpu for: runner": the quota counts
  // what the pod does not say.
  if (has(refusal.message, "failed quota") && has(refusal.message, "must specify")) {
    const bool limits = has(refusal.message, "limits.");
    const bool requests = has(refusal.message, "requests.") || !limits;
    return {
        Reason::kQuotaExceeded,
        fmt::format(
            "the namespace's quota refuses {}, because it needs limits or requests of every container: {}; "
            "set {} in spec.worker and spec.orchestrator, or ask your administrator for a LimitRange with "
            "defaults",
            refusal.object, said,
            limits && requests ? "resources.limits and resources.requests"
            : limits           ? "resources.limits"
                               : "resources.requests")};
  }
  if (has(refusal.message, "exceeded quota") || has(refusal.message, "failed quota")) {
    return {Reason::kQuotaExceeded,
            fmt::format("{} does not fit into the namespace's quota: {}; ask for less in resources or "
                        "nodeCount, or ask your administrator to raise the quota",
                        refusal.object, said)};
  }
  if (has(refusal.message, "is being terminated")) {
    return {Reason::kNamespaceTerminating,
            fmt::format("{} cannot be created, because the namespace is being deleted", refusal.object)};
  }
  if (has(refusal.message, "violates PodSecurity")) {
    return {Reason::kPodRefused,
            fmt::format("the namespace's Pod Security level refuses {}: {}; use no hostPath volume and no "
                        "more rights than the level allows, or ask your administrator to change the level",
                        refusal.object, said)};
  }
  if (refusal.reason == "Forbidden" && has(refusal.message, "cannot ") &&
      has(refusal.message, "in API group")) {
    return {Reason::kOperatorForbidden,
            fmt::format("{}: the operator lacks a right: {}; install or upgrade the whole chart",
                        refusal.object, said)};
  }
  const bool pod = refusal.object.starts_with("Pod ");
  return {pod ? Reason::kPodRefused : Reason::kObjectRefused,
          fmt::format("{} is refused ({}): {}; change the job, or ask your administrator", refusal.object,
                      refusal.reason.empty() ? "no reason" : refusal.reason, said)};
}

}  // namespace parallelrun::op
