#include "runner/cluster/look_pod.h"

#include <fmt/format.h>

#include <optional>

#include "common/json/compact_text.h"
#include "common/json/members.h"
#include "common/openssl/base64.h"
#include "common/pod/container_parts.h"
#include "common/pod/data_container.h"
#include "common/pod/pod_layout.h"
#include "common/spec/manifest.h"
#include "common/spec/store_sources.h"

namespace parallelrun::cluster {
namespace {

using nlohmann::json;

constexpr int kUser = 65532;  // as the job's own pods, unless spec.orchestrator says another
constexpr const char* kOutputVolume = "output";
constexpr const char* kFetchedVolume = "fetched";
constexpr const char* kCredentialsVolume = "credentials";
constexpr int kMostLooks = 30;  // of 20 s, until the data process is ready

json security_of(const json& orchestrator) {
  json security = {{"runAsNonRoot", true},
                   {"runAsUser", kUser},
                   {"runAsGroup", kUser},
                   {"fsGroupChangePolicy", "OnRootMismatch"},  // a look changes no owners of a large volume
                   {"seccompProfile", {{"type", "RuntimeDefault"}}}};
  const json& own = object_at(orchestrator, "securityContext");
  if (number_at(own, "runAsUser") == 0) security["runAsNonRoot"] = false;
  for (const auto& [key, value] : own.items()) {
    if (!value.is_null()) security[key] = value;
  }
  return security;
}

const json* orchestrator_pod(const std::vector<json>& pods) {
  const json* found = nullptr;
  for (const json& pod : pods) {
    if (text_at(object_at(object_at(pod, "metadata"), "labels"), pod::kRoleLabel) != "orchestrator") continue;
    // One that runs is the one that has the volume.
    if (found == nullptr || text_at(object_at(pod, "status"), "phase") == "Running") found = &pod;
  }
  return found;
}

void copy_member(const json& from, const char* name, json& to) {
  const auto found = from.find(name);
  if (found != from.end() && !found->is_null()) to[name] = *found;
}

void stay_with(const json& orchestrator, json& pod_spec) {
  const json& theirs = object_at(orchestrator, "spec");
  copy_member(theirs, "imagePullSecrets", pod_spec);
  const std::string node = text_at(theirs, "nodeName");
  if (node.empty() || text_at(object_at(orchestrator, "status"), "phase") != "Running") return;
  json& preferred = pod_spec["affinity"]["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"];
  if (!preferred.is_array()) preferred = json::array();
  preferred.push_back(
      {{"weight", 100},
       {"preference",
        {{"matchFields",
          json::array({{{"key", "metadata.name"}, {"operator", "In"}, {"values", json::array({node})}}})}}}});
}

json mount_of(const std::string& volume, const std::string& path, const std::string& sub_path) {
  json mount = pod::mount_at(volume, path, true);
  if (!sub_path.empty()) mount["subPath"] = sub_path;
  return mount;
}

// Each volume once: a kubelet may wait for ever where a pod names a claim twice.
std::string name_of_volume(json volume, json& volumes) {
  for (const json& there : volumes) {
    json source = there;
    source.erase("name");
    if (source == volume) return text_at(there, "name");
  }
  volume["name"] = "data-" + std::to_string(volumes.size());
  volumes.push_back(volume);
  return text_at(volume, "name");
}

// The container `data`, its volumes, and what the container of the verb has of it.
void add_data_container(const JobSpec& spec, const json& job, const json& orchestrator, json& pod_metadata,
                        json& pod_spec) {
  const pod::Fetched output = pod::looked_at(spec.output.source.store);
  json& runner = pod_spec["containers"][0];
  json& volumes = pod_spec["volumes"];
  volumes.push_back({{"name", kFetchedVolume}, {"emptyDir", json::object()}});
  json mounts = json::array({pod::mount_at(kFetchedVolume, pod::kFetched, false)});
  if (output.secret.empty()) {
    // As whoever writes there. Its token for the API server is given to nobody here.
    pod_spec["serviceAccountName"] = pod::kOrchestratorAccount;
    pod_metadata["annotations"] = {{"azure.workload.identity/skip-containers", pod::kContainer},
                                   {"eks.amazonaws.com/skip-containers", pod::kContainer}};
  } else {
    volumes.push_back({{"name", kCredentialsVolume},
                       {"secret", {{"secretName", output.secret}, {"defaultMode", pod::kReadableByGroup}}}});
    mounts.push_back(mount_of(kCredentialsVolume, output.credentials, ""));
    json& security = pod_spec["securityContext"];
    if (!security.contains("fsGroup")) security["fsGroup"] = kUser;
  }
  // Identities and ways through the network may hang on them.
  for (const char* member : {"labels", "annotations"}) {
    for (const auto& [key, value] : object_at(orchestrator, member).items()) {
      if (!key.starts_with("parallelrun.dev/") && !pod_metadata["labels"].contains(key))
        pod_metadata[member][key] = value;
    }
  }
  json container = {
      {"name", pod::kDataContainer},
      {"image", text_at(object_at(job, "status"), "runnerImage")},
      {"command", json::array({pod::kProgram})},
      {"args", json::array({"pod-data", "--look", base64(compact_text(output.source))})},
      {"env", pod::data_environment(spec, std::nullopt)},
      {"restartPolicy", "Always"},  // of an init container: a sidecar, which ends after the other
      {"startupProbe", pod::data_startup_probe(kMostLooks)},
      {"resources",
       {{"requests", {{"cpu", "50m"}, {"memory", "128Mi"}}}, {"limits", {{"cpu", "1"}, {"memory", "1Gi"}}}}},
      {"securityContext", pod::container_security(true)},
      {"terminationMessagePolicy", "File"},
      {"volumeMounts", std::move(mounts)}};
  copy_member(orchestrator, "imagePullPolicy", container);
  pod_spec["initContainers"] = json::array({std::move(container)});
  runner["volumeMounts"].push_back(mount_of(kFetchedVolume, pod::kFetched, ""));
  runner["env"] = json::array({{{"name", pod::kDataSocketVariable}, {"value", pod::kDataSocket}}});
}

}  // namespace

std::string output_store_of(const json& job) {
  const json& source = object_at(object_at(object_at(job, "spec"), "output"), "source");
  return names_store(source) ? store_address(source) : "";
}

Result<json> look_pod(const json& job, const std::vector<json>& job_pods, const LookRequest& request) {
  const json& metadata = object_at(job, "metadata");
  const std::string name = text_at(metadata, "name");
  const std::string image = text_at(object_at(job, "status"), "runnerImage");
  if (image.empty())
    return Error{ErrorCode::kNotFound,
                 fmt::format("the job '{}' has not started, so it has no output and no logs yet", name),
                 false};
  const ParsedSpec parsed = parse_manifest_document(job, Place::kCluster);
  if (!parsed.ok())
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("the job '{}' is invalid: {}", name, to_string(parsed.problems.front())), false};
  const pod::PodLayout layout = pod::pod_layout(parsed.spec);
  const bool in_store = parsed.spec.output.source.store.is_object();
  json volume = layout.volumes[layout.output.volume];
  volume["name"] = kOutputVolume;
  json volumes = json::array({std::move(volume)});
  json mounts =
      json::array({mount_of(kOutputVolume, layout.output.mount_path, layout.output.mounted_sub_path)});
  if (in_store) mounts[0].erase("readOnly");  // a folder of this pod, for what is fetched
  for (const LookMount& more : request.mounts)
    mounts.push_back(mount_of(name_of_volume(more.volume, volumes), more.path, more.sub_path));

  json args = json::array({"look"});
  if (in_store) args.push_back("--stored=" + store_address(parsed.spec.output.source.store));
  args.insert(args.end(), {"--", request.verb, layout.output.directory});
  for (const std::string& argument : request.arguments) args.push_back(argument);
  const json& orchestrator = object_at(object_at(job, "spec"), "orchestrator");
  json container = {
      {"name", pod::kContainer},
      {"image", image},
      {"command", json::array({pod::kProgram})},
      {"args", std::move(args)},
      {"resources",
       {{"requests", {{"cpu", "50m"}, {"memory", "64Mi"}}}, {"limits", {{"cpu", "1"}, {"memory", "512Mi"}}}}},
      {"securityContext", pod::container_security(true)},
      {"terminationMessagePolicy", "File"},
      {"volumeMounts", std::move(mounts)}};
  copy_member(orchestrator, "imagePullPolicy", container);

  json pod_spec = {{"restartPolicy", "Never"},
                   {"enableServiceLinks", false},
                   {"automountServiceAccountToken", false},
                   {"terminationGracePeriodSeconds", 1},
                   {"activeDeadlineSeconds", request.deadline.count()},
                   {"securityContext", security_of(orchestrator)},
                   {"volumes", std::move(volumes)},
                   {"containers", json::array({std::move(container)})}};
  for (const char* member : {"nodeSelector", "affinity", "tolerations", "imagePullSecrets",
                             "priorityClassName", "runtimeClassName", "schedulerName"})
    copy_member(orchestrator, member, pod_spec);
  if (const json* theirs = orchestrator_pod(job_pods)) stay_with(*theirs, pod_spec);

  // Not the label of the job's own pods, which the operator counts.
  json pod_metadata = {{"name", request.pod},
                       {"namespace", text_at(metadata, "namespace")},
                       {"labels",
                        {{"app.kubernetes.io/name", "parallelrun"},
                         {"app.kubernetes.io/managed-by", "parallelrun-cli"},
                         {"parallelrun.dev/look-at", name}}},
                       {"ownerReferences", json::array({{{"apiVersion", kApiVersion},
                                                         {"kind", kKind},
                                                         {"name", name},
                                                         {"uid", text_at(metadata, "uid")}}})}};
  if (in_store) add_data_container(parsed.spec, job, orchestrator, pod_metadata, pod_spec);
  return json{{"apiVersion", "v1"},
              {"kind", "Pod"},
              {"metadata", std::move(pod_metadata)},
              {"spec", std::move(pod_spec)}};
}

}  // namespace parallelrun::cluster
