// The objects of a job as JSON for the API server. Pure: same job, same bytes (but for certificates).
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "common/result/result.h"
#include "operator/certificates/certificates.h"
#include "operator/decide/plan.h"
#include "operator/decide/snapshot.h"

namespace parallelrun::op {

// `job` is the custom resource. Errors of these functions: kInvalidArgument for a spec that the schema let
// through and common/spec refuses (decide ends such a job as Failed/InvalidSpec before pods are made).
Result<nlohmann::json> pod_of(const nlohmann::json& job, const PodIdentity& identity,
                              const Settings& settings);
Result<nlohmann::json> secret_of(const nlohmann::json& job, const JobCertificates& certificates);
// The `data` of the Secret that brings job.json up to date, as a merge patch with the generation annotation.
nlohmann::json secret_patch_of(const nlohmann::json& job);
nlohmann::json service_of(const nlohmann::json& job);
// ServiceAccount and RoleBinding of a namespace, owned by nobody.
nlohmann::json account_of(const std::string& name_space);
nlohmann::json role_binding_of(const std::string& name_space);

// Names, see docs/decisions/0007-in-a-cluster.md.
std::string pod_name(const std::string& job, const PodIdentity& identity);
std::string secret_name(const std::string& job);
std::string service_name(const std::string& job);

}  // namespace parallelrun::op
