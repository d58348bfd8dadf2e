#include "runner/input/file_write.h"

#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace parallelrun {

Error write_error(const std::string& directory, int error) {
  const bool full = error == ENOSPC || error == EDQUOT;
  return Error{full ? ErrorCode::kNoSpace : ErrorCode::kIo,
               "records cannot be grouped in '" + directory + "': " + std::generic_category().message(error) +
                   (full ? "; free some space, or give the job an output directory on a larger disk" : "")};
}

Status write_at(int fd, std::uint64_t offset, std::string_view bytes, const std::string& directory) {
  while (!bytes.empty()) {
    const ssize_t size = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return write_error(directory, size < 0 ? errno : EIO);
    bytes.remove_prefix(static_cast<std::size_t>(size));
    offset += static_cast<std::uint64_t>(size);
  }
  return {};
}

}  // namespace parallelrun
