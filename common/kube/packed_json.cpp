#include "common/kube/packed_json.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "common/json/members.h"

namespace parallelrun::kube {
namespace {

using nlohmann::json;

bool is_deeper(const json& value, int levels) {
  if (!value.is_structured()) return false;
  return levels == 0 ||
         std::any_of(value.begin(), value.end(), [&](const json& one) { return is_deeper(one, levels - 1); });
}

json unreadable(const json& body, const std::string& why) {
  json kept = {{kUnreadable, why}, {"metadata", json::object()}};
  const json& metadata = object_at(body, "metadata");
  for (const char* name : {"namespace", "name", "uid", "resourceVersion", "generation"}) {
    const auto found = metadata.find(name);
    if (found != metadata.end() && found->is_primitive()) kept["metadata"][name] = *found;
  }
  // So that what has been decided of it stays.
  if (const json& status = object_at(body, "status"); !status.empty()) {
    for (const auto& [name, value] : status.items()) {
      if (!is_deeper(value, kDeepest)) kept["status"][name] = value;
    }
  }
  return kept;
}

}  // namespace

PackedJson::PackedJson(const nlohmann::json& value) {
  const std::vector<std::uint8_t> bytes = nlohmann::json::to_cbor(value);
  auto block = std::make_shared<std::uint8_t[]>(bytes.size());  // NOLINT(modernize-avoid-c-arrays)
  std::copy(bytes.begin(), bytes.end(), block.get());
  bytes_ = std::move(block);
  size_ = bytes.size();
}

nlohmann::json PackedJson::unpack() const {
  return nlohmann::json::from_cbor(bytes_.get(), bytes_.get() + size_);
}

PackedJson packed_object(json&& body, const std::function<void(json&)>& trim) {
  std::string why = "its content is nested deeper than " + std::to_string(kDeepest) + " levels";
  if (!is_deeper(body, kDeepest)) {
    try {
      if (trim) trim(body);
      return PackedJson(body);
    } catch (const std::exception& problem) {
      why = problem.what();
    }
  }
  return PackedJson(unreadable(body, why));
}

bool PackedJson::operator==(const PackedJson& other) const {
  return bytes_ == other.bytes_ ||
         std::equal(bytes_.get(), bytes_.get() + size_, other.bytes_.get(), other.bytes_.get() + other.size_);
}

}  // namespace parallelrun::kube
