#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "common/json/members.h"
#include "common/pod/container_parts.h"
#include "common/pod/pod_layout.h"
#include "common/result/try.h"
#include "common/spec/manifest.h"
#include "operator/pods/children.h"
#include "operator/pods/data_sidecar.h"
#include "operator/pods/job_secret.h"
#include "operator/pods/pod_template.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;

constexpr const char* kJobVolume = "job";
constexpr const char* kSourceVolumeName = "source";
constexpr const char* kScratchVolume = "scratch";
constexpr const char* kProgramsVolume = "programs";
constexpr const char* kSharedMemoryVolume = "shared-memory";
// Of an orchestrator that holds the rows of an output in a store: a node without so much room is none for it.
constexpr const char* kRoomForRows = "1Gi";
constexpr const char* kProgramsInInit = "/parallelrun/programs";  // where install-runner has that volume

json mount_of(const pod::Mount& mount) {
  json out = pod::mount_at(pod::data_volume(mount.volume), mount.mount_path, mount.read_only);
  if (!mount.mounted_sub_path.empty()) out["subPath"] = mount.mounted_sub_path;
  return out;
}

json files_of_secret(const std::string& job, const PodIdentity& identity) {
  const bool worker = identity.role == Role::kWorker;
  return {
      {"secretName", secret_name(job, worker ? identity.index / kWorkersInSecret : 0)},
      {"defaultMode", pod::kReadableByGroup},
      {"items",
       json::array(
           {{{"key", "ca.crt"}, {"path", "ca.crt"}},
            {{"key", worker ? certificate_item(identity.index) : "orchestrator.crt"}, {"path", "tls.crt"}},
            {{"key", worker ? key_item(identity.index) : "orchestrator.key"}, {"path", "tls.key"}}})}};
}

// Volumes of the pod and mounts of the runner container, by pod_layout.
void add_volumes(const JobSpec& spec, const PodIdentity& identity, const pod::PodLayout& layout,
                 json& pod_spec) {
  const bool worker = identity.role == Role::kWorker;
  json files = files_of_secret(spec.name, identity);
  if (!worker) files["items"].push_back({{"key", "job.json"}, {"path", "job.json"}});
  json volumes = json::array({{{"name", kJobVolume}, {"secret", std::move(files)}},
                              {{"name", kSourceVolumeName}, {"emptyDir", json::object()}},
                              {{"name", kScratchVolume}, {"emptyDir", json::object()}}});
  json mounts = json::array({pod::mount_at(kJobVolume, pod::kJobFiles, true),
                             pod::mount_at(kSourceVolumeName, pod::kSourceCopy, false),
                             pod::mount_at(kScratchVolume, pod::kScratch, false)});
  if (worker && !spec.shared_memory.empty()) {
    volumes.push_back({{"name", kSharedMemoryVolume},
                       {"emptyDir", {{"medium", "Memory"}, {"sizeLimit", spec.shared_memory}}}});
    mounts.push_back(pod::mount_at(kSharedMemoryVolume, pod::kSharedMemory, false));
  }
  std::set<std::size_t> used;
  const auto mount = [&](const pod::Mount& one) {
    used.insert(one.volume);
    mounts.push_back(mount_of(one));
  };
  if (layout.source) mount(*layout.source);
  for (const auto& [name, one] : layout.inputs) mount(one);
  for (const auto& [name, one] : worker ? layout.side_inputs : pod::side_inputs_on_orchestrator(layout))
    mount(one);
  if (identity.earlier_job) mount(pod::earlier_output(layout, identity.earlier_job->sub_path));
  if (!worker || layout.output_on_workers) mount(layout.output);
  for (const std::size_t index : used) {
    json volume = layout.volumes[index];
    volume["name"] = pod::data_volume(index);
    volumes.push_back(std::move(volume));
  }
  pod_spec["volumes"] = std::move(volumes);
  pod_spec["containers"][0]["volumeMounts"] = std::move(mounts);
}

json from_field(const char* name, const char* path) {
  return {{"name", name}, {"valueFrom", {{"fieldRef", {{"fieldPath", path}}}}}};
}

// A kubelet takes $(NAME) in a value for a variable.
std::string without_references(std::string text) {
  std::replace(text.begin(), text.end(), '$', ' ');
  return text;
}

// A kubelet takes $(NAME) in an argument for a variable, and $$(NAME) for the text.
std::string literal(std::string text) {
  for (std::size_t at = 0; (at = text.find("$(", at)) != std::string::npos; at += 3) text.insert(at, "$");
  return text;
}

json environment_of(const CheckedJob& job, const PodIdentity& identity) {
  const JobSpec& spec = job.spec();
  const Role role = identity.role;
  json env =
      json::array({from_field("POD_NAME", "metadata.name"), from_field("POD_NAMESPACE", "metadata.namespace"),
                   from_field("POD_UID", "metadata.uid"), from_field("POD_IP", "status.podIP")});
  std::set<std::string> fixed = {"POD_NAME", "POD_NAMESPACE",        "POD_UID",
                                 "POD_IP",   pod::kPredecessorEnded, pod::kDataSocketVariable};
  if (role == Role::kOrchestrator) {
    env.push_back({{"name", "JOB_NAME"}, {"value", spec.name}});
    env.push_back({{"name", "JOB_UID"}, {"value", job.resource()["metadata"].value("uid", "")}});
    if (!identity.earlier_runs.empty())
      env.push_back({{"name", pod::kEarlierRuns}, {"value", identity.earlier_runs}});
  }
  std::set<std::string> theirs;
  if (role == Role::kWorker) {
    for (const json& variable : spec.environment.env) {
      const std::string name = variable.value("name", "");
      if (fixed.contains(name)) continue;
      theirs.insert(name);
      env.push_back(variable);
    }
  }
  // Not an argument, which the runner of an earlier release would refuse.
  if (role == Role::kWorker && !identity.predecessor_ended.empty()) {
    env.push_back(
        {{"name", pod::kPredecessorEnded}, {"value", without_references(identity.predecessor_ended)}});
  }
  for (const char* name : {"HOME", "TMPDIR"}) {
    if (!theirs.contains(name)) env.push_back({{"name", name}, {"value", pod::kScratch}});
  }
  return env;
}

// Brings our programs into an image that has none of them.
void add_installer(const std::string& image, const std::string& pull_policy, json& pod_spec) {
  json& runner = pod_spec["containers"][0];
  json installer = {{"name", "install-runner"},
                    {"image", image},
                    {"command", json::array({pod::kProgram})},
                    {"args", json::array({"install", kProgramsInInit})},
                    {"securityContext", pod::container_security(true)},
                    {"terminationMessagePolicy", "File"},
                    {"volumeMounts", json::array({pod::mount_at(kProgramsVolume, kProgramsInInit, false)})}};
  if (!pull_policy.empty()) installer["imagePullPolicy"] = pull_policy;
  // Under a quota each container needs requests, and the largest init container counts, not their sum.
  if (const json resources = common_resources(runner["resources"]); !resources.empty()) {
    installer["resources"] = resources;
  }
  pod_spec["initContainers"] = json::array({std::move(installer)});
  pod_spec["volumes"].push_back({{"name", kProgramsVolume}, {"emptyDir", json::object()}});
  runner["volumeMounts"].push_back(pod::mount_at(kProgramsVolume, pod::kPrograms, true));
}

json metadata_of(const json& job, const PodIdentity& identity) {
  const json& meta = job["metadata"];
  const std::string name = meta.value("name", "");
  json labels = {{kNameLabel, "parallelrun"},
                 {kManagedByLabel, "parallelrun-operator"},
                 {kJobLabel, name},
                 {kRoleLabel, to_string(identity.role)},
                 {kIndexLabel, std::to_string(identity.index)},
                 {kIncarnationLabel, std::to_string(identity.incarnation)}};
  // safe-to-evict: a worker's loss costs the mini-batches it was running, and without the word its emptyDirs
  // alone would keep a node from being given up. The orchestrator's loss stops the whole job until another
  // one has read the journal.
  // default-container: kubectl logs and exec take the runner, also beside a sidecar.
  json annotations = {
      {"cluster-autoscaler.kubernetes.io/safe-to-evict", identity.role == Role::kWorker ? "true" : "false"},
      {"kubectl.kubernetes.io/default-container", pod::kContainer}};
  if (identity.may_reuse) annotations[kMayReuseAnnotation] = "true";
  return {{"name", pod_name(name, identity)},
          {"namespace", meta.value("namespace", "")},
          {"labels", std::move(labels)},
          {"annotations", std::move(annotations)},
          {"ownerReferences", json::array({{{"apiVersion", kApiVersion},
                                            {"kind", kKind},
                                            {"name", name},
                                            {"uid", meta.value("uid", "")},
                                            {"controller", true}}})}};
}

json arguments_of(const json& job, const PodIdentity& identity) {
  if (identity.role == Role::kWorker) {
    return json::array({"pod-agent", "--connect", fmt::format("{}:{}", service_host(job), pod::kPort),
                        "--name", agent_name(identity.index)});
  }
  json args = json::array({"pod-orchestrator"});
  for (const std::string& ended : identity.ended) {
    args.push_back("--ended");
    args.push_back(ended);
  }
  if (identity.earlier_job) {
    args.insert(args.end(), {"--take-over-job", identity.earlier_job->name});
    if (!identity.earlier_job->sub_path.empty())
      args.insert(args.end(), {"--take-over", literal(identity.earlier_job->sub_path)});
  }
  return args;
}

void ask_for_room(json& resources) {
  constexpr const char* kStorage = "ephemeral-storage";
  const bool said = object_at(resources, "requests").contains(kStorage) ||
                    object_at(resources, "limits").contains(kStorage);  // which is then the request, too
  if (!said) resources["requests"][kStorage] = kRoomForRows;
}

json default_spread(const json& job) {
  return json::array(
      {{{"maxSkew", 1},
        {"topologyKey", "kubernetes.io/hostname"},
        {"whenUnsatisfiable", "ScheduleAnyway"},
        {"labelSelector",
         {{"matchLabels", {{kJobLabel, job["metadata"].value("name", "")}, {kRoleLabel, "worker"}}}}}}});
}

}  // namespace

Result<json> pod_of(const CheckedJob& job, const PodIdentity& identity, const Settings& settings) {
  const JobSpec& spec = job.spec();
  const json& resource = job.resource();
  const bool worker = identity.role == Role::kWorker;
  const json& given = object_at(object_at(resource, "spec"), worker ? "worker" : "orchestrator");
  const std::string runner_image = job.runner_image().value_or(settings.runner_image);
  const bool own_image = worker && !spec.environment.image.empty() && spec.environment.image != runner_image;

  json runner = {{"name", pod::kContainer},
                 {"image", own_image ? spec.environment.image : runner_image},
                 {"command", json::array({pod::kProgram})},
                 {"args", arguments_of(resource, identity)},
                 {"env", environment_of(job, identity)},
                 {"securityContext", pod::container_security(!worker)},
                 {"terminationMessagePolicy", worker ? "FallbackToLogsOnError" : "File"}};
  if (const json* policy = find_member(given, "imagePullPolicy")) {
    runner["imagePullPolicy"] = *policy;
  } else if (!own_image && !settings.runner_image_pull_policy.empty()) {
    runner["imagePullPolicy"] = settings.runner_image_pull_policy;
  }
  runner["resources"] = merged_resources(
      object_at(given, "resources"), worker ? settings.worker_resources : settings.orchestrator_resources);
  if (!worker && spec.output.source.store.is_object()) ask_for_room(runner["resources"]);
  if (!worker) {
    runner["ports"] = json::array({{{"name", "agents"}, {"containerPort", pod::kPort}, {"protocol", "TCP"}}});
  }

  json pod_spec = {{"restartPolicy", "Never"},
                   {"enableServiceLinks", false},
                   {"automountServiceAccountToken", !worker},
                   {"containers", json::array({std::move(runner)})}};
  if (worker) {
    pod_spec["topologySpreadConstraints"] = default_spread(resource);
  } else {
    pod_spec["serviceAccountName"] = kAccountName;
  }
  if (!settings.image_pull_secrets.empty()) {
    json& secrets = pod_spec["imagePullSecrets"] = json::array();
    for (const std::string& name : settings.image_pull_secrets) secrets.push_back({{"name", name}});
  }
  const pod::PodLayout layout = pod::pod_layout(spec);
  add_volumes(spec, identity, layout, pod_spec);
  if (own_image) add_installer(runner_image, settings.runner_image_pull_policy, pod_spec);

  json pod = {{"apiVersion", "v1"},
              {"kind", "Pod"},
              {"metadata", metadata_of(resource, identity)},
              {"spec", std::move(pod_spec)}};
  const std::string path = worker ? "spec.worker" : "spec.orchestrator";
  RETURN_IF_ERROR(add_data_sidecar(job, identity, layout, given, path, settings, runner_image, pod));
  RETURN_IF_ERROR(apply_template(given, path, pod));
  return pod;
}

Status check_pods(const CheckedJob& job, const Settings& settings) {
  RETURN_IF_ERROR(check_manifest_size(job.resource()));
  for (const Role role : {Role::kOrchestrator, Role::kWorker}) {
    const Result<json> made =
        pod_of(job, {.role = role, .index = 0, .incarnation = 0, .ended = {}}, settings);
    if (!made.ok()) return made.error();
  }
  return {};
}

}  // namespace parallelrun::op
