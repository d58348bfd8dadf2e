#include "runner/web/settings_difference.h"

#include <algorithm>
#include <set>
#include <string>

#include "common/json/compact_text.h"
#include "common/spec/field_path.h"

namespace parallelrun::web {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::size_t kMostFields = 200;
constexpr std::size_t kLongestSetting = 2000;

ordered_json value_of(const json* value) {
  if (value == nullptr) return nullptr;
  std::string text = value->is_string() ? value->get<std::string>() : compact_text(*value);
  if (text.size() > kLongestSetting) text = text.substr(0, kLongestSetting) + "...";
  return text;
}

const json* member(const json* value, const std::string& name) {
  if (value == nullptr) return nullptr;
  const auto found = value->find(name);
  return found == value->end() ? nullptr : &*found;
}

void compare_values(const std::string& path, const json* was, const json* now, ordered_json& fields) {
  if (fields.size() >= kMostFields || (was != nullptr && now != nullptr && *was == *now)) return;
  const bool objects = was != nullptr && now != nullptr && was->is_object() && now->is_object();
  const bool lists = was != nullptr && now != nullptr && was->is_array() && now->is_array();
  if (objects) {
    std::set<std::string> names;
    for (const json* side : {was, now})
      for (const auto& item : side->items()) names.insert(item.key());
    for (const std::string& name : names)
      compare_values(path.empty() ? name : child_path(path, name), member(was, name), member(now, name),
                     fields);
    return;
  }
  if (lists) {
    for (std::size_t i = 0; i < std::max(was->size(), now->size()); ++i)
      compare_values(path + "[" + std::to_string(i) + "]", i < was->size() ? &(*was)[i] : nullptr,
                     i < now->size() ? &(*now)[i] : nullptr, fields);
    return;
  }
  fields.push_back({{"field", path}, {"was", value_of(was)}, {"now", value_of(now)}});
}

}  // namespace

ordered_json settings_difference(const json& was, const json& now) {
  ordered_json fields = ordered_json::array();
  compare_values("", &was, &now, fields);
  return fields;
}

}  // namespace parallelrun::web
