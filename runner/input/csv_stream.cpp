#include "runner/input/csv_stream.h"

#include <algorithm>
#include <cstring>

namespace parallelrun {

NarrowedStream::NarrowedStream(ByteStream& wide, std::size_t unit, bool big_endian)
    : wide_(wide),
      unit_(unit),
      big_endian_(big_endian),
      buffer_(std::make_unique_for_overwrite<unsigned char[]>(kBufferBytes)) {}

Result<std::size_t> NarrowedStream::read(char* into, std::size_t size) {
  while (true) {
    const std::size_t room = std::min(kBufferBytes, size * unit_) - kept_;
    Result<std::size_t> got = wide_.read(reinterpret_cast<char*>(buffer_.get()) + kept_, room);
    if (!got) return got.error();
    if (*got == 0) return std::size_t{0};  // half a unit at the end is no character
    const std::size_t bytes = kept_ + *got;
    const std::size_t units = bytes / unit_;
    std::size_t written = 0;
    for (std::size_t i = 0; i < units; ++i) {
      const unsigned char* unit = buffer_.get() + i * unit_;
      std::uint32_t value = 0;
      for (std::size_t b = 0; b < unit_; ++b)
        value |= std::uint32_t{unit[b]} << (8 * (big_endian_ ? unit_ - 1 - b : b));
      if (at_start_) {
        at_start_ = false;
        if (value == 0xFEFF) continue;
        if (value == (unit_ == 2 ? 0xFFFEU : 0xFFFE0000U)) {
          big_endian_ = !big_endian_;
          continue;
        }
      }
      into[written++] = value < 0x80 ? static_cast<char>(value) : 'x';
    }
    kept_ = bytes - units * unit_;
    std::memmove(buffer_.get(), buffer_.get() + units * unit_, kept_);
    if (written > 0) return written;
  }
}

}  // namespace parallelrun
