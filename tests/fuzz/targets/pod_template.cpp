// Any template laid over a pod of ours: refused with its path, or what is ours in the pod stays as it was,
// and nothing is mounted over it, however the path is spelt.
#include "operator/pods/pod_template.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>

#include "common/json/json.h"
#include "common/spec/utf8.h"
#include "tests/fuzz/fuzz_target.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;

const json& our_pod() {
  static const json pod = json::parse(R"({
    "metadata": {"name": "a-worker-0-0", "labels": {"parallelrun.dev/job": "a", "parallelrun.dev/role": "worker"},
                 "annotations": {"parallelrun.dev/secret-generation": "1"}},
    "spec": {"serviceAccountName": "parallelrun-orchestrator",
             "imagePullSecrets": [{"name": "registry"}],
             "volumes": [{"name": "job", "secret": {"secretName": "a-runner"}}, {"name": "output", "emptyDir": {}}],
             "containers": [{"name": "runner", "image": "r",
                             "volumeMounts": [{"name": "job", "mountPath": "/parallelrun/job"},
                                              {"name": "output", "mountPath": "/parallelrun/output"}]}]}})");
  return pod;
}

bool begins_with(const json& list, const json& first) {
  return list.size() >= first.size() && std::equal(first.begin(), first.end(), list.begin());
}

bool nested(const std::filesystem::path& inner, const std::filesystem::path& outer) {
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

std::filesystem::path normal(const std::string& path) {
  std::filesystem::path result = std::filesystem::path("/" + path).lexically_normal();
  return result.has_filename() ? result : result.parent_path();
}

void check_mounts(const json& mounts) {
  const std::size_t ours = our_pod()["spec"]["containers"][0]["volumeMounts"].size();
  std::set<std::filesystem::path> taken = {"/opt/parallelrun", "/parallelrun/job", "/parallelrun/output"};
  for (std::size_t i = ours; i < mounts.size(); ++i) {
    const auto path = normal(mounts[i].at("mountPath").get<std::string>());
    for (const auto& other : taken) HOLDS_ELSE(path.string(), !nested(path, other) && !nested(other, path));
  }
}

FUZZ_TARGET(pod_template) {
  const json given = json::parse(bytes, nullptr, false);
  if (!given.is_object()) return;
  json pod = our_pod();
  const Status applied = apply_template(given, "spec.worker", pod);
  if (!applied.ok()) {
    const std::string& message = applied.error().message;
    HOLDS_ELSE(message, message.starts_with("spec.worker") && is_utf8(message));
    return;
  }
  const json& ours = our_pod();
  HOLDS(pod["metadata"]["name"] == ours["metadata"]["name"]);
  for (const char* kind : {"labels", "annotations"}) {
    for (const auto& [key, value] : ours["metadata"][kind].items())
      HOLDS_ELSE(key, pod["metadata"][kind][key] == value);
  }
  const json& spec = pod["spec"];
  HOLDS(spec["serviceAccountName"] == ours["spec"]["serviceAccountName"]);
  HOLDS(begins_with(spec["volumes"], ours["spec"]["volumes"]));
  HOLDS(begins_with(spec["imagePullSecrets"], ours["spec"]["imagePullSecrets"]));
  HOLDS(spec["containers"].size() == 1 && spec["containers"][0]["image"] == "r");
  HOLDS(begins_with(spec["containers"][0]["volumeMounts"], ours["spec"]["containers"][0]["volumeMounts"]));
  check_mounts(spec["containers"][0]["volumeMounts"]);
  HOLDS(spec["securityContext"].is_object() && spec["tolerations"].is_array());

  const json resources =
      merged_resources(given.value("resources", json::object()), {{"limits", {{"cpu", "1"}}}});
  const json common = common_resources(resources);
  for (const auto& [kind, all] : common.items()) HOLDS_ELSE(kind, all.size() <= 3);
}

}  // namespace
}  // namespace parallelrun::op
