#include "runner/input/byte_stream.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace parallelrun {

Result<std::size_t> FileStream::read(char* into, std::size_t size) {
  const std::size_t wanted = static_cast<std::size_t>(std::min<std::uint64_t>(size, end_ - offset_));
  if (wanted == 0) return std::size_t{0};
  ssize_t got = 0;
  do {
    got = ::pread(fd_, into, wanted, static_cast<off_t>(offset_));
  } while (got < 0 && errno == EINTR);
  if (got < 0) return Error{ErrorCode::kIo, std::generic_category().message(errno)};
  offset_ += static_cast<std::uint64_t>(got);
  return static_cast<std::size_t>(got);
}

}  // namespace parallelrun
