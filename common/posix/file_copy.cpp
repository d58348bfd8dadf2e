#include "common/posix/file_copy.h"

#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <vector>

namespace parallelrun {
namespace {

constexpr std::size_t kKernelPiece = std::size_t{1} << 30U;
constexpr std::size_t kBufferBytes = std::size_t{1} << 20U;

// copy_file_range() shares blocks where the file system can. What it refuses is copied by hand.
bool refuses(int error) {
  return error == EXDEV || error == EINVAL || error == ENOSYS || error == EOPNOTSUPP || error == EBADF ||
         error == EPERM || error == ETXTBSY;
}

int copy_by_hand(int from, int to, std::uint64_t offset, std::uint64_t length) {
  std::vector<char> buffer(kBufferBytes);
  while (offset < length) {
    const auto piece = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), length - offset));
    const ssize_t got = ::pread(from, buffer.data(), piece, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (got == 0) return length == kWholeFile ? 0 : ENODATA;
    for (ssize_t done = 0; done < got;) {
      const ssize_t put = ::pwrite(to, buffer.data() + done, static_cast<std::size_t>(got - done),
                                   static_cast<off_t>(offset) + done);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return errno;
      done += put;
    }
    offset += static_cast<std::uint64_t>(got);
  }
  return 0;
}

}  // namespace

int copy_bytes(int from, int to, std::uint64_t length) {
  off_t read_at = 0;
  off_t write_at = 0;
  while (static_cast<std::uint64_t>(read_at) < length) {
    const auto piece = static_cast<std::size_t>(
        std::min<std::uint64_t>(kKernelPiece, length - static_cast<std::uint64_t>(read_at)));
    const ssize_t copied = ::copy_file_range(from, &read_at, to, &write_at, piece, 0);
    if (copied > 0) continue;
    if (copied < 0 && errno == EINTR) continue;
    // Some file systems say "nothing" for files that they make up as they are read.
    if (copied < 0 && !refuses(errno)) return errno;
    break;
  }
  return copy_by_hand(from, to, static_cast<std::uint64_t>(read_at), length);
}

}  // namespace parallelrun
