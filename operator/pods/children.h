// The objects of a job as JSON for the API server. Pure: same job, same bytes (but for certificates).
#pragma once

#include <cstddef>
#include <string>

#include "common/json/json.h"
#include "common/result/result.h"
#include "operator/pods/checked_job.h"
#include "operator/pods/identity.h"
#include "operator/pods/settings.h"

namespace parallelrun::op {

// Bytes of job.json in the Secret, which holds 1 MiB with the certificates.
inline constexpr std::size_t kMostManifestBytes = (std::size_t{1} << 20U) - (std::size_t{256} << 10U);

// Why no pods can be made of a job whose spec is valid: a pod template contradicts itself or us, or job.json
// is too large. Errors: kInvalidArgument, a sentence for the user. After it passed, pod_of() and secret_of()
// succeed.
Status check_pods(const CheckedJob& job, const Settings& settings);
// The part of it about the size of job.json. `job` is the custom resource, here and below.
Status check_manifest_size(const nlohmann::json& job);

// Errors: kInvalidArgument, as in check_pods().
Result<nlohmann::json> pod_of(const CheckedJob& job, const PodIdentity& identity, const Settings& settings);
nlohmann::json service_of(const nlohmann::json& job);
// ServiceAccount and RoleBinding of a namespace, owned by nobody.
nlohmann::json account_of(const std::string& name_space);
nlohmann::json role_binding_of(const std::string& name_space);

// The name that agents connect to and the orchestrator's certificate is for: <job>-orchestrator.<ns>.svc
std::string service_host(const nlohmann::json& job);

}  // namespace parallelrun::op
