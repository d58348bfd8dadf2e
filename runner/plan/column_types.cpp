#include "runner/plan/column_types.h"

#include <algorithm>

#include "common/json/json.h"

namespace parallelrun {
namespace {

std::string dump(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

bool are_column_types(const nlohmann::json& json) {
  return json.is_object() &&
         std::all_of(json.begin(), json.end(), [](const auto& type) { return type.is_string(); });
}

Result<InputInfo> input_info_of(std::uint32_t input, const std::string& reply) {
  const nlohmann::json json = nlohmann::json::parse(reply, nullptr, false);
  if (!json.is_object() || !json.contains("types") || !are_column_types(json["types"])) {
    return Error{ErrorCode::kCorrupt, "a worker process sent column types of input " + std::to_string(input) +
                                          " that are not valid: " + reply.substr(0, 200)};
  }
  nlohmann::json info = {{"input", input}, {"types", json["types"]}};
  // The columns of the input's first table, which the others must have.
  if (json.contains("columns") && json["columns"].is_array()) info["columns"] = json["columns"];
  return InputInfo{input, dump(info)};
}

Result<std::optional<InputInfo>> widened(const InputInfo& known, const std::string& reply) {
  auto info = input_info_of(known.input, reply);
  if (!info) return info.error();
  nlohmann::json decided = nlohmann::json::parse(known.types);
  const nlohmann::json found = nlohmann::json::parse(info->types)["types"];
  bool changed = false;
  for (auto& [column, type] : decided["types"].items()) {
    const auto it = found.find(column);
    if (type != "missing" || it == found.end() || *it == type) continue;
    type = *it;
    changed = true;
  }
  if (!changed) return std::optional<InputInfo>();
  return std::optional<InputInfo>(InputInfo{known.input, dump(decided)});
}

}  // namespace parallelrun
