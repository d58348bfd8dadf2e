// A JSON value as a cache keeps it: CBOR in one block of memory, a tenth of what nlohmann::json takes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
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

// An object of the API as it is kept. One whose content nobody could read (nested deeper than our functions
// recurse, or `trim` threw) is kept by its names alone, with the reason in the member kUnreadable: whoever
// made it must not end the watch of all others. `trim` may be empty.
PackedJson packed_object(nlohmann::json&& body, const std::function<void(nlohmann::json&)>& trim);

inline constexpr const char* kUnreadable = "unreadable";
inline constexpr int kDeepest = 100;

}  // namespace parallelrun::kube
