#include "common/kube/packed_json.h"

#include <algorithm>
#include <vector>

namespace parallelrun::kube {

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

bool PackedJson::operator==(const PackedJson& other) const {
  return bytes_ == other.bytes_ ||
         std::equal(bytes_.get(), bytes_.get() + size_, other.bytes_.get(), other.bytes_.get() + other.size_);
}

}  // namespace parallelrun::kube
