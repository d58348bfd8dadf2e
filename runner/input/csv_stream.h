// Encodings of several bytes a character as the boundary scan of CSV reads them.
#pragma once

#include <cstdint>
#include <memory>

#include "runner/input/byte_stream.h"

namespace parallelrun {

// UTF-16 or UTF-32 as one byte for each code unit: ASCII as it is, everything else as 'x'. So the scan counts
// their records; its offsets are units. The byte order comes from the byte order mark, which is passed over,
// or else from `big_endian`.
class NarrowedStream final : public ByteStream {
 public:
  // `unit`: 2 or 4 bytes.
  NarrowedStream(ByteStream& wide, std::size_t unit, bool big_endian);
  Result<std::size_t> read(char* into, std::size_t size) override;

 private:
  static constexpr std::size_t kBufferBytes = 64U << 10U;

  ByteStream& wide_;
  std::size_t unit_;
  bool big_endian_;
  bool at_start_ = true;
  std::size_t kept_ = 0;  // bytes of a unit that the last read cut
  std::unique_ptr<unsigned char[]> buffer_;
};

}  // namespace parallelrun
