#include "operator/pods/pod_template.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "common/json/members.h"
#include "common/pod/pod_layout.h"
#include "common/result/try.h"
#include "common/spec/mount_path.h"
#include "common/spec/problems.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;

constexpr int kUser = 65532;  // "nonroot" of common base images
constexpr int kGraceSeconds = 30;
constexpr int kLostNodeSeconds = 30;  // the cluster's default is 300

Error refused(const std::string& path, const std::string& message) {
  return Error{ErrorCode::kInvalidArgument, path + ": " + message, false};
}

void add_security(const json& given, json& pod_spec) {
  json security = {{"runAsNonRoot", true},
                   {"runAsUser", kUser},
                   {"runAsGroup", kUser},
                   {"fsGroup", kUser},
                   {"fsGroupChangePolicy", "OnRootMismatch"},
                   {"seccompProfile", {{"type", "RuntimeDefault"}}}};
  const json& own = object_at(given, "securityContext");
  // Who names root as the user means it.
  if (const json* user = find_member(own, "runAsUser"); user != nullptr && *user == 0) {
    security["runAsNonRoot"] = false;
  }
  for (const auto& [key, value] : own.items()) {
    if (!value.is_null()) security[key] = value;
  }
  pod_spec["securityContext"] = std::move(security);
}

// The schema has seen to this, but for what it leaves open.
Status check_shape(const json& given, const std::string& path) {
  for (const char* key :
       {"labels", "annotations", "resources", "nodeSelector", "affinity", "securityContext"}) {
    const json* value = find_member(given, key);
    if (value != nullptr && !value->is_object()) return refused(path + "." + key, "must be an object");
  }
  for (const char* key :
       {"tolerations", "topologySpreadConstraints", "volumes", "volumeMounts", "imagePullSecrets"}) {
    const json* value = find_member(given, key);
    if (value == nullptr) continue;
    const bool objects = value->is_array() && std::all_of(value->begin(), value->end(),
                                                          [](const json& item) { return item.is_object(); });
    if (!objects) return refused(path + "." + key, "must be a list of objects");
  }
  return {};
}

bool covers(const json& toleration, std::string_view taint) {
  const std::string key = text_at(toleration, "key");
  const std::string effect = text_at(toleration, "effect");
  const bool effect_covers = effect.empty() || effect == "NoExecute";
  const bool all = key.empty() && text_at(toleration, "operator") == "Exists";
  return effect_covers && (all || key == taint);
}

void add_tolerations(const json& given, json& pod_spec) {
  json tolerations = json::array();
  if (const json* own = find_member(given, "tolerations")) tolerations = *own;
  for (const char* taint : {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"}) {
    const bool said = std::any_of(tolerations.begin(), tolerations.end(),
                                  [&](const json& toleration) { return covers(toleration, taint); });
    if (said) continue;
    tolerations.push_back({{"key", taint},
                           {"operator", "Exists"},
                           {"effect", "NoExecute"},
                           {"tolerationSeconds", kLostNodeSeconds}});
  }
  pod_spec["tolerations"] = std::move(tolerations);
}

void add_metadata(const json& given, json& metadata) {
  for (const auto& [key, value] : object_at(given, "labels").items()) {
    if (!metadata["labels"].contains(key)) metadata["labels"][key] = value;
  }
  for (const auto& [key, value] : object_at(given, "annotations").items()) {
    if (!key.starts_with("parallelrun.dev/")) metadata["annotations"][key] = value;
  }
}

// Of two normalised paths, one is the other or lies inside it.
bool nested(std::string_view path, std::string_view other) {
  if (path.size() < other.size()) std::swap(path, other);
  return path == other || (path.starts_with(other) && path[other.size()] == '/');
}

// Without doubled and closing slashes. Precondition: absolute, as the paths of our own mounts are, which may
// be those of side inputs.
std::string normalised(const std::string& path) {
  std::string result;
  for (const char c : path) {
    if (c != '/' || !result.ends_with('/')) result += c;
  }
  while (result.size() > 1 && result.ends_with('/')) result.pop_back();
  return result;
}

Status add_volumes(const json& given, const std::string& path, json& pod_spec) {
  json& volumes = pod_spec["volumes"];
  std::set<std::string> ours;
  for (const json& volume : volumes) ours.insert(volume.at("name").get<std::string>());
  std::set<std::string> theirs;
  if (const json* more = find_member(given, "volumes")) {
    for (std::size_t i = 0; i < more->size(); ++i) {
      const std::string name = text_at((*more)[i], "name");
      const std::string where = path + ".volumes[" + std::to_string(i) + "].name";
      if (ours.contains(name)) {
        return refused(where,
                       in_quotes(name) + " is the name of one of the runner's own volumes; choose another");
      }
      if (!theirs.insert(name).second) return refused(where, in_quotes(name) + " is in the list twice");
      volumes.push_back((*more)[i]);
    }
  }
  const json* more = find_member(given, "volumeMounts");
  if (more == nullptr) return {};
  json& mounts = pod_spec["containers"][0]["volumeMounts"];
  // The programs, which are in the image or mounted.
  json before = mounts;
  before.push_back({{"mountPath", pod::kPrograms}});
  for (std::size_t i = 0; i < more->size(); ++i) {
    const json& mount = (*more)[i];
    const std::string where = path + ".volumeMounts[" + std::to_string(i) + "]";
    const std::string name = text_at(mount, "name");
    if (!theirs.contains(name)) {
      return refused(where + ".name",
                     in_quotes(name) + " is not the name of a volume in " + path + ".volumes");
    }
    const std::string at = text_at(mount, "mountPath");
    const MountPath checked = mount_path(at);
    const bool shared_memory = is_shared_memory(at);
    if (!checked.problem.empty() && !shared_memory) {
      return refused(where + ".mountPath", in_quotes(at) + " " + checked.problem);
    }
    const std::string path_of_mount = shared_memory ? pod::kSharedMemory : checked.path;
    for (const json& own : before) {
      const std::string taken = normalised(own.at("mountPath").get<std::string>());
      if (!nested(path_of_mount, taken)) continue;
      return refused(where + ".mountPath", in_quotes(at) + " conflicts with " + in_quotes(taken) +
                                               ", where another volume is mounted; choose another folder");
    }
    // Two of the user's may not hide each other either.
    before.push_back(mount);
    mounts.push_back(mount);
  }
  return {};
}

void add_scheduling(const json& given, json& pod_spec) {
  for (const char* key : {"nodeSelector", "affinity", "topologySpreadConstraints", "priorityClassName",
                          "runtimeClassName", "schedulerName", "serviceAccountName"}) {
    const json* value = find_member(given, key);
    // The orchestrator's account is ours.
    if (value == nullptr || (value->is_string() && value->get_ref<const std::string&>().empty()) ||
        (key == std::string_view("serviceAccountName") && pod_spec.contains(key))) {
      continue;
    }
    pod_spec[key] = *value;
  }
  const json* grace = find_member(given, "terminationGracePeriodSeconds");
  pod_spec["terminationGracePeriodSeconds"] = grace == nullptr ? json(kGraceSeconds) : *grace;
  if (const json* secrets = find_member(given, "imagePullSecrets")) {
    json& all = pod_spec["imagePullSecrets"];
    for (const json& secret : *secrets) {
      if (std::find(all.begin(), all.end(), secret) == all.end()) all.push_back(secret);
    }
  }
}

}  // namespace

const json* find_member(const json& value, const char* key) {
  if (!value.is_object()) return nullptr;
  const auto found = value.find(key);
  return found == value.end() || found->is_null() ? nullptr : &*found;
}

json merged_resources(const json& given, const json& defaults) {
  json merged = json::object();
  const auto said = [&](const std::string& resource) {
    return object_at(given, "limits").contains(resource) || object_at(given, "requests").contains(resource);
  };
  for (const char* kind : {"limits", "requests"}) {
    for (const auto& [resource, quantity] : object_at(given, kind).items()) merged[kind][resource] = quantity;
    for (const auto& [resource, quantity] : object_at(defaults, kind).items()) {
      // A default request beside the user's limit might be above it.
      if (!said(resource)) merged[kind][resource] = quantity;
    }
  }
  return merged;
}

json common_resources(const json& resources) {
  static constexpr std::array<std::string_view, 3> kCommon = {"cpu", "memory", "ephemeral-storage"};
  json common = json::object();
  for (const char* kind : {"limits", "requests"}) {
    for (const auto& [resource, quantity] : object_at(resources, kind).items()) {
      if (std::find(kCommon.begin(), kCommon.end(), resource) != kCommon.end())
        common[kind][resource] = quantity;
    }
  }
  return common;
}

Status apply_template(const json& given, const std::string& path, json& pod) {
  RETURN_IF_ERROR(check_shape(given, path));
  add_metadata(given, pod["metadata"]);
  json& pod_spec = pod["spec"];
  add_security(given, pod_spec);
  add_tolerations(given, pod_spec);
  add_scheduling(given, pod_spec);
  return add_volumes(given, path, pod_spec);
}

}  // namespace parallelrun::op
