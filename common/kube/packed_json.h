// A JSON value as a cache keeps it: CBOR in one block of memory, a tenth of what nlohmann::json takes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "common/json/json.h"

namespace parallelrun::kube {

// Immutable and shared: a copy costs a reference. Different threads may use copies at the same time.
class PackedJson {
 public:
  PackedJson() = default;  // holds nothing
  // Text that is not UTF-8 is kept byte for byte.
  explicit PackedJson(const nlohmann::json& value);

  explicit operator bool() const { return size_ > 0; }
  // Precondition: holds a value.
  nlohmann::json unpack() const;
  std::size_t size() const { return size_; }  // bytes
  // Equal values have equal bytes.
  bool operator==(const PackedJson& other) const;

 private:
  std::shared_ptr<const std::uint8_t[]> bytes_;  // NOLINT(modernize-avoid-c-arrays): one allocation
  std::size_t size_ = 0;
};

}  // namespace parallelrun::kube
