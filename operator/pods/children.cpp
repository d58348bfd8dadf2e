#include "operator/pods/children.h"

#include <fmt/format.h>

#include "common/pod/pod_layout.h"
#include "common/spec/manifest.h"
#include "operator/pods/base64.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;

std::string name_of(const json& job) { return job["metadata"].value("name", ""); }

json labels_of(const std::string& job) {
  json labels = {{kNameLabel, "parallelrun"}, {kManagedByLabel, "parallelrun-operator"}};
  if (!job.empty()) labels[kJobLabel] = job;
  return labels;
}

json owned_by(const json& job, const std::string& name) {
  return {{"name", name},
          {"namespace", job["metadata"].value("namespace", "")},
          {"labels", labels_of(name_of(job))},
          {"ownerReferences", json::array({{{"apiVersion", kApiVersion},
                                            {"kind", kKind},
                                            {"name", name_of(job)},
                                            {"uid", job["metadata"].value("uid", "")},
                                            {"controller", true}}})}};
}

// What the orchestrator reads: the job without what changes while it runs.
std::string manifest_of(const json& job) {
  const json& meta = job["metadata"];
  const json manifest = {{"apiVersion", kApiVersion},
                         {"kind", kKind},
                         {"metadata",
                          {{"name", meta.value("name", "")},
                           {"namespace", meta.value("namespace", "")},
                           {"uid", meta.value("uid", "")}}},
                         {"spec", job.value("spec", json::object())}};
  return manifest.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string generation_of(const json& job) {
  return std::to_string(job["metadata"].value("generation", std::int64_t{0}));
}

}  // namespace

std::string_view to_string(Role role) { return role == Role::kOrchestrator ? "orchestrator" : "worker"; }

std::string pod_name(const std::string& job, const PodIdentity& identity) {
  return identity.role == Role::kOrchestrator
             ? fmt::format("{}-orchestrator-{}", job, identity.incarnation)
             : fmt::format("{}-worker-{}-{}", job, identity.index, identity.incarnation);
}

std::string secret_name(const std::string& job) { return job + "-runner"; }
std::string service_name(const std::string& job) { return job + "-orchestrator"; }

std::string service_host(const json& job) {
  return fmt::format("{}.{}.svc", service_name(name_of(job)), job["metadata"].value("namespace", ""));
}

Status check_manifest_size(const json& job) {
  const std::size_t size = manifest_of(job).size();
  if (size <= kMostManifestBytes) return {};
  return Error{
      ErrorCode::kInvalidArgument,
      fmt::format("spec: has {} bytes as JSON, and at most {} fit into the job's Secret; move what is large "
                  "(code, long lists) into the source directory or a volume",
                  size, kMostManifestBytes),
      false};
}

Result<json> secret_of(const json& job, const JobCertificates& certificates) {
  if (const Status size = check_manifest_size(job); !size.ok()) return size.error();
  json metadata = owned_by(job, secret_name(name_of(job)));
  metadata["annotations"] = {{kGenerationAnnotation, generation_of(job)}};
  return json{{"apiVersion", "v1"},
              {"kind", "Secret"},
              {"type", "Opaque"},
              {"metadata", std::move(metadata)},
              {"data",
               {{"job.json", base64(manifest_of(job))},
                {"ca.crt", base64(certificates.authority_pem)},
                {"orchestrator.crt", base64(certificates.orchestrator.certificate_pem)},
                {"orchestrator.key", base64(certificates.orchestrator.key_pem)},
                {"worker.crt", base64(certificates.worker.certificate_pem)},
                {"worker.key", base64(certificates.worker.key_pem)}}}};
}

json secret_patch_of(const json& job) {
  return {
      {"apiVersion", "v1"},
      {"kind", "Secret"},
      {"metadata",
       {{"name", secret_name(name_of(job))}, {"annotations", {{kGenerationAnnotation, generation_of(job)}}}}},
      {"data", {{"job.json", base64(manifest_of(job))}}}};
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
