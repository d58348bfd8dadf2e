#include "operator/controller/status_patch.h"

#include <string>
#include <utility>

#include "common/json/members.h"
#include "operator/controller/pod_record.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;

// A merge patch merges objects too: members that went away need a null.
json replacing(const json& old_value, json value) {
  if (!old_value.is_object() || !value.is_object()) return value;
  for (const auto& [name, inner] : old_value.items()) {
    if (!value.contains(name)) value[name] = nullptr;
  }
  return value;
}

}  // namespace

std::optional<json> status_patch(const json& job, const json& status) {
  const json& old_status = object_at(job, "status");
  json changes = json::object();
  for (const auto& [name, wanted] : status.items()) {
    const auto old = old_status.find(name);
    if (old == old_status.end()) {
      if (!wanted.is_null()) changes[name] = wanted;
      continue;
    }
    if (wanted != *old) changes[name] = replacing(*old, wanted);
  }
  for (const auto& [name, value] : old_status.items()) {
    if (name != "progress" && !status.contains(name)) changes[name] = nullptr;
  }
  if (changes.empty()) return std::nullopt;
  return json{{"metadata", {{"resourceVersion", text_at(object_at(job, "metadata"), "resourceVersion")}}},
              {"status", std::move(changes)}};
}

}  // namespace parallelrun::op
