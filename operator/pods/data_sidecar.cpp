#include "operator/pods/data_sidecar.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "common/json/members.h"
#include "common/pod/container_parts.h"
#include "common/pod/data_container.h"
#include "common/spec/problems.h"
#include "common/spec/size_text.h"
#include "operator/pods/pod_template.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;

constexpr const char* kCacheVolume = "fetched-inputs";
constexpr const char* kFilesVolume = "fetched";
constexpr const char* kManifestVolume = "data-job";
constexpr const char* kField = "dataProcess";
// Without cacheSize the data process takes half of what is free, at most 20 GiB.
constexpr std::uint64_t kLargestDefaultCache = std::uint64_t{20} << 30U;
// An emptyDir above its limit costs the pod: what file systems need beside the bytes of files.
constexpr std::uint64_t kMargin = std::uint64_t{256} << 20U;
constexpr std::uint64_t kMarginPart = 20;
constexpr int kMostLooks = 30'000;  // of 20 s: a week

json resources_of(const json& given, const json& runner, std::uint64_t cache_limit,
                  const Settings& settings) {
  json resources =
      merged_resources(object_at(object_at(given, kField), "resources"), settings.data_resources);
  // A pod that has a limit of storage counts the cache against it.
  const json& limits = object_at(runner["resources"], "limits");
  if (limits.contains("ephemeral-storage") && !object_at(resources, "limits").contains("ephemeral-storage"))
    resources["limits"]["ephemeral-storage"] = std::to_string(cache_limit);
  return resources;
}

// The keys of each Secret, once, and where the sidecar has them for each source.
void add_credentials(const std::vector<pod::Fetched>& fetched, json& volumes, json& mounts) {
  std::map<std::string, std::string> volume_of;  // by Secret
  for (const pod::Fetched& one : fetched) {
    if (one.secret.empty()) continue;
    auto [at, is_new] = volume_of.try_emplace(one.secret, fmt::format("credentials-{}", volume_of.size()));
    if (is_new) {
      volumes.push_back({{"name", at->second},
                         {"secret", {{"secretName", one.secret}, {"defaultMode", pod::kReadableByGroup}}}});
    }
    mounts.push_back(pod::mount_at(at->second, one.credentials, true));
  }
}

void add_mounts_of_runner(const std::vector<pod::Fetched>& fetched, bool worker, json& runner) {
  json& mounts = runner["volumeMounts"];
  mounts.push_back(pod::mount_at(kCacheVolume, pod::kFetchedInputs, true));
  mounts.push_back(pod::mount_at(kFilesVolume, pod::kFetched, true));
  for (const pod::Fetched& one : fetched) {
    if (one.mount_path.empty() || !worker) continue;
    json mount = pod::mount_at(kFilesVolume, one.mount_path, true);
    mount["subPath"] = one.directory.substr(std::string_view(pod::kFetched).size() + 1);
    mounts.push_back(std::move(mount));
  }
}

// What gives a pod the identity of its service account would give it to scripts too. Azure's and Amazon's
// webhooks leave out the containers that these name; what the user says of them counts.
void keep_identity_from(const json& pod_spec, const std::vector<pod::Fetched>& fetched, json& annotations) {
  const bool by_identity =
      std::any_of(fetched.begin(), fetched.end(), [](const pod::Fetched& one) { return one.secret.empty(); });
  if (!by_identity) return;
  std::vector<std::string> others = {pod::kContainer};
  for (const json& init : pod_spec.value("initContainers", json::array())) others.push_back(init.at("name"));
  annotations["azure.workload.identity/skip-containers"] = fmt::format("{}", fmt::join(others, ";"));
  annotations["eks.amazonaws.com/skip-containers"] = fmt::format("{}", fmt::join(others, ","));
}

}  // namespace

Status add_data_sidecar(const CheckedJob& job, const PodIdentity& identity, const pod::PodLayout& layout,
                        const json& given, const std::string& path, const Settings& settings,
                        const std::string& image, json& pod) {
  const bool worker = identity.role == Role::kWorker;
  const std::vector<pod::Fetched> fetched = pod::fetched_in(layout, worker);
  if (fetched.empty()) return {};
  const json* given_size = find_member(object_at(given, kField), "cacheSize");
  const std::string size_text = given_size == nullptr     ? ""
                                : given_size->is_string() ? given_size->get<std::string>()
                                                          : given_size->dump();
  const std::optional<std::uint64_t> size = bytes_of_size(size_text);
  if (!size_text.empty() && !size) {
    return Error{ErrorCode::kInvalidArgument, fmt::format("{}.{}.cacheSize: {} is not a size such as 20Gi",
                                                          path, kField, in_quotes(size_text))};
  }
  const std::uint64_t cache = size.value_or(kLargestDefaultCache);
  const std::uint64_t cache_limit = cache + cache / kMarginPart + kMargin;

  json& pod_spec = pod["spec"];
  json& runner = pod_spec["containers"][0];
  keep_identity_from(pod_spec, fetched, pod["metadata"]["annotations"]);
  json& volumes = pod_spec["volumes"];
  volumes.push_back({{"name", kCacheVolume}, {"emptyDir", {{"sizeLimit", std::to_string(cache_limit)}}}});
  volumes.push_back({{"name", kFilesVolume}, {"emptyDir", json::object()}});
  volumes.push_back({{"name", kManifestVolume},
                     {"secret",
                      {{"secretName", secret_name(job.spec().name)},
                       {"defaultMode", pod::kReadableByGroup},
                       {"items", json::array({{{"key", "job.json"}, {"path", "job.json"}}})}}}});
  json mounts = json::array({pod::mount_at(kCacheVolume, pod::kFetchedInputs, false),
                             pod::mount_at(kFilesVolume, pod::kFetched, false),
                             pod::mount_at(kManifestVolume, pod::kDataJob, true)});
  add_credentials(fetched, volumes, mounts);
  // It puts the orchestrator's files into the store.
  if (!worker && pod::find_fetched(layout, StoreUse::kOutput, pod::kOutputName) != nullptr)
    mounts.push_back(pod::mount_at(pod::data_volume(layout.output.volume), layout.output.mount_path, true));
  json arguments = json::array({"pod-data"});
  if (worker) arguments.push_back("--worker");
  json sidecar = {
      {"name", pod::kDataContainer},
      {"image", image},
      {"command", json::array({pod::kProgram})},
      {"args", std::move(arguments)},
      {"env", pod::data_environment(job.spec(), size)},
      {"restartPolicy", "Always"},  // of an init container: a sidecar, which ends after the runner
      {"startupProbe", pod::data_startup_probe(kMostLooks)},
      {"securityContext", pod::container_security(true)},
      {"terminationMessagePolicy", "File"},
      {"resources", resources_of(given, runner, cache_limit, settings)},
      {"volumeMounts", std::move(mounts)}};
  if (!settings.runner_image_pull_policy.empty())
    sidecar["imagePullPolicy"] = settings.runner_image_pull_policy;
  pod_spec["initContainers"].push_back(std::move(sidecar));
  add_mounts_of_runner(fetched, worker, runner);
  runner["env"].push_back({{"name", pod::kDataSocketVariable}, {"value", pod::kDataSocket}});
  return {};
}

}  // namespace parallelrun::op
