// Where scans get their bytes from.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/result/result.h"

namespace parallelrun {

// Bytes that are read once, from front to back.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  // Up to `size` bytes; 0 only at the end. Errors: kIo.
  virtual Result<std::size_t> read(char* into, std::size_t size) = 0;
};

// Bytes [offset, end) of an open file, by pread. Ends early where the file does. Does not own `fd`.
class FileStream final : public ByteStream {
 public:
  FileStream(int fd, std::uint64_t offset, std::uint64_t end) : fd_(fd), offset_(offset), end_(end) {}
  Result<std::size_t> read(char* into, std::size_t size) override;

 private:
  int fd_;
  std::uint64_t offset_;
  std::uint64_t end_;
};

}  // namespace parallelrun
