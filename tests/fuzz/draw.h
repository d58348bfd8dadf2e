// Values drawn from the bytes of an input, for targets that build something before they try it. Past the end
// everything is zero or empty.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace parallelrun::fuzz {

class Draw {
 public:
  explicit Draw(std::string_view bytes) : rest_(bytes) {}

  bool empty() const { return rest_.empty(); }

  std::uint8_t u8() {
    if (rest_.empty()) return 0;
    const auto value = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  std::uint32_t u32() { return static_cast<std::uint32_t>(bits(4)); }
  std::uint64_t u64() { return bits(8); }
  bool flag() { return (u8() & 1U) != 0; }
  // 0 to `most`.
  std::size_t up_to(std::size_t most) {
    return static_cast<std::size_t>(most < 256 ? u8() : u32()) % (most + 1);
  }

  // A number that is small, near a limit, or any: what arithmetic goes wrong with.
  std::int64_t extreme() {
    switch (u8() % 8) {
      case 0:
        return INT64_MAX - u8();
      case 1:
        return INT64_MIN + u8();
      case 2:
        return std::int64_t{INT32_MAX} + 128 - u8();
      case 3:
        return std::int64_t{INT32_MIN} - 128 + u8();
      case 4:
        return std::int64_t{UINT32_MAX} + 128 - u8();
      case 5:
        return static_cast<std::int64_t>(u64());
      default:
        return std::int64_t{u8()} - 16;
    }
  }

  // At most 255 bytes, and no more than `most`.
  std::string_view text(std::size_t most = 255) {
    const std::size_t size = std::min({std::size_t{u8()}, most, rest_.size()});
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  std::string string(std::size_t most = 255) { return std::string(text(most)); }

  // Up to the next line break, which is passed, or the end.
  std::string_view line() {
    const std::size_t end = std::min(rest_.find('\n'), rest_.size());
    const std::string_view taken = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    return taken;
  }

  std::string_view rest() {
    const std::string_view taken = rest_;
    rest_ = {};
    return taken;
  }

 private:
  std::uint64_t bits(int bytes) {
    std::uint64_t value = 0;
    for (int i = 0; i < bytes; ++i) value |= std::uint64_t{u8()} << (8 * i);
    return value;
  }

  std::string_view rest_;
};

}  // namespace parallelrun::fuzz
