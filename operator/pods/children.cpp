#include "operator/pods/children.h"

#include <fmt/format.h>

#include "common/pod/pod_layout.h"
#include "operator/pods/owned_by.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;

}  // namespace

std::string_view to_string(Role role) { return role == Role::kOrchestrator ? "orchestrator" : "worker"; }

std::string pod_name(const std::string& job, const PodIdentity& identity) {
  return identity.role == Role::kOrchestrator
             ? fmt::format("{}-orchestrator-{}", job, identity.incarnation)
             : fmt::format("{}-worker-{}-{}", job, identity.index, identity.incarnation);
}

std::string secret_name(const std::string& job, std::uint32_t number) {
  return number == 0 ? job + "-runner" : fmt::format("{}-runner-{}", job, number);
}
std::string agent_name(std::uint32_t worker) { return fmt::format("worker-{}", worker); }
std::string service_name(const std::string& job) { return job + "-orchestrator"; }

std::string service_host(const json& job) {
  return fmt::format("{}.{}.svc", service_name(name_of(job)), job["metadata"].value("namespace", ""));
}

json service_of(const json& job) {
  // The port's name tells a service mesh that this is TLS already.
  return {{"apiVersion", "v1"},
          {"kind", "Service"},
          {"metadata", owned_by(job, service_name(name_of(job)))},
          {"spec",
           {{"type", "ClusterIP"},
            {"selector", {{kJobLabel, name_of(job)}, {kRoleLabel, "orchestrator"}}},
            {"ports", json::array({{{"name", "tls-agents"},
                                    {"port", pod::kPort},
                                    {"targetPort", pod::kPort},
                                    {"protocol", "TCP"}}})}}}};
}

json account_of(const std::string& name_space) {
  return {{"apiVersion", "v1"},
          {"kind", "ServiceAccount"},
          {"metadata", {{"name", kAccountName}, {"namespace", name_space}, {"labels", labels_of("")}}},
          {"automountServiceAccountToken", false}};
}

json role_binding_of(const std::string& name_space) {
  return {{"apiVersion", "rbac.authorization.k8s.io/v1"},
          {"kind", "RoleBinding"},
          {"metadata", {{"name", kAccountName}, {"namespace", name_space}, {"labels", labels_of("")}}},
          {"roleRef",
           {{"apiGroup", "rbac.authorization.k8s.io"}, {"kind", "ClusterRole"}, {"name", kAccountName}}},
          {"subjects",
           json::array({{{"kind", "ServiceAccount"}, {"name", kAccountName}, {"namespace", name_space}}})}};
}

}  // namespace parallelrun::op
