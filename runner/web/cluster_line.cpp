#include "runner/web/cluster_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "common/hash/sha256.h"
#include "common/json/members.h"
#include "common/spec/yaml_text.h"
#include "runner/cluster/job_view.h"

namespace parallelrun::web {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::size_t kIdDigits = 24;
constexpr std::size_t kIdDigitsOfNamespace = 8;

void keep_members(json& object, std::initializer_list<const char*> names) {
  if (!object.is_object()) return;
  json kept = json::object();
  for (const char* name : names) {
    const auto found = object.find(name);
    if (found != object.end()) kept[name] = std::move(*found);
  }
  object = std::move(kept);
}

}  // namespace

std::string id_begin(const std::string& name_space) {
  return "c" + sha256_hex(name_space).substr(0, kIdDigitsOfNamespace);
}

std::string id_of_job(const json& object) {
  const json& metadata = object_at(object, "metadata");
  const std::string name_space = text_at(metadata, "namespace");
  return id_begin(name_space) +
         sha256_hex(name_space + "/" + text_at(metadata, "name") + "/" + text_at(metadata, "uid"))
             .substr(0, kIdDigits);
}

void keep_line(json& object) {
  if (!object.is_object()) return;
  if (object.contains("metadata"))
    keep_members(object["metadata"], {"name", "namespace", "uid", "resourceVersion", "creationTimestamp"});
  if (object.contains("spec")) keep_members(object["spec"], {"suspend", "nodeCount"});
  if (object.contains("status"))
    keep_members(object["status"], {"state", "message", "startTime", "completionTime", "conditions",
                                    "progress", "readyReplicas"});
}

ordered_json cluster_line(const std::string& id, const json& object) {
  const cluster::JobView job = cluster::job_view(object);
  ordered_json line = {
      {"id", id},           {"world", "cluster"},   {"name", job.name},       {"namespace", job.name_space},
      {"state", job.state}, {"reason", job.reason}, {"message", job.message}, {"created", job.created}};
  if (!job.started.empty()) line["started"] = job.started;
  std::string updated = job.completed;
  for (const cluster::ConditionView& one : job.conditions)
    if (job.completed.empty()) updated = std::max(updated, one.since);
  if (!updated.empty()) line["updated"] = updated;
  line["elapsedSeconds"] = job.elapsed(std::chrono::system_clock::now()).count();
  if (const auto left = number_at(job.progress, "timeLeftSeconds")) line["timeLeftSeconds"] = *left;
  ordered_json& figures = line["progress"] = ordered_json::object();
  for (const auto& [name, value] : job.progress.items())
    if (!line.contains(name) && (value.is_number() || value.is_boolean())) figures[name] = value;
  return line;
}

ordered_json cluster_event(const json& event) {
  std::string last = text_at(event, "lastTimestamp");
  if (last.empty()) last = text_at(event, "eventTime");
  if (last.empty()) last = text_at(object_at(event, "metadata"), "creationTimestamp");
  const std::string first = text_at(event, "firstTimestamp");
  return {{"type", text_at(event, "type")},
          {"reason", text_at(event, "reason")},
          {"message", text_at(event, "message")},
          {"count", std::max<std::uint64_t>(1, count_at(event, "count"))},
          {"first", first.empty() ? last : first},
          {"last", last}};
}

std::string cluster_manifest(const json& object) {
  const json& metadata = object_at(object, "metadata");
  ordered_json names = {{"name", text_at(metadata, "name")}, {"namespace", text_at(metadata, "namespace")}};
  for (const char* member : {"labels", "annotations"}) {
    ordered_json own = ordered_json::object();
    for (const auto& [key, value] : object_at(metadata, member).items())
      if (!key.starts_with("kubectl.kubernetes.io/")) own[key] = value;
    if (!own.empty()) names[member] = std::move(own);
  }
  return yaml_text({{"apiVersion", text_at(object, "apiVersion")},
                    {"kind", text_at(object, "kind")},
                    {"metadata", std::move(names)},
                    {"spec", ordered_json(object_at(object, "spec"))}});
}

std::vector<std::string> warnings_of(const json& progress) {
  std::vector<std::string> warnings;
  if (const std::string trouble = text_at(progress, "startFailure"); !trouble.empty())
    warnings.push_back(trouble);
  const auto left_out = progress.find("leftOut");
  if (left_out == progress.end() || !left_out->is_array()) return warnings;
  for (const json& one : *left_out)
    warnings.push_back(fmt::format("left out of the input '{}': {} of kind {}, the first is '{}'",
                                   text_at(one, "input"), count_at(one, "count"), text_at(one, "kind"),
                                   text_at(one, "first")));
  return warnings;
}

}  // namespace parallelrun::web
