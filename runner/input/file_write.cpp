#include "runner/input/file_write.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include "common/posix/file_descriptor.h"
#include "common/result/try.h"

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

Status write_whole(const std::string& directory, const std::string& name, std::string_view bytes) {
  std::string aside = directory + name + "-XXXXXX";
  const FileDescriptor fd(::mkostemp(aside.data(), O_CLOEXEC));
  if (!fd) return write_error(directory, errno);
  ::fchmod(fd.get(), 0644);
  RETURN_IF_ERROR(write_at(fd.get(), 0, bytes, directory));
  if (::fsync(fd.get()) != 0) return write_error(directory, errno);
  if (::rename(aside.c_str(), (directory + name).c_str()) != 0) return write_error(directory, errno);
  const FileDescriptor folder(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || ::fsync(folder.get()) != 0) return write_error(directory, errno);
  return {};
}

}  // namespace parallelrun
