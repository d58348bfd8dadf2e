#include "common/posix/whole_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <random>

#include "common/posix/file_descriptor.h"
#include "common/posix/write_all.h"

namespace parallelrun {
namespace {

// 0, or an errno.
int sync_folder(const std::string& folder) {
  const FileDescriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return errno;
  // Some network file systems sync names by themselves and refuse to be asked.
  return ::fsync(fd.get()) == 0 || errno == EINVAL ? 0 : errno;
}

int make(const std::string& aside, const std::string& path, std::string_view bytes,
         const WholeFileOptions& options) {
  const FileDescriptor fd(
      ::open(aside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, options.mode));
  if (!fd) return errno;
  int error = options.despite_umask && ::fchmod(fd.get(), options.mode) != 0 ? errno : 0;
  if (error == 0) error = write_all(fd.get(), bytes);
  if (error == 0 && ::fsync(fd.get()) != 0) error = errno;
  if (error == 0 && ::rename(aside.c_str(), path.c_str()) != 0) error = errno;
  if (error != 0) ::unlink(aside.c_str());
  return error;
}

}  // namespace

int write_whole_file(const std::string& path, std::string_view bytes, WholeFileOptions options) {
  const std::size_t name = path.rfind('/') + 1;  // npos + 1 is 0
  const std::string folder = name == 0 ? "./" : path.substr(0, name);
  // Other processes may write the same file.
  std::random_device random;
  for (int attempt = 0;; ++attempt) {
    const std::string aside = folder + ".new-" + path.substr(name) + "-" + std::to_string(random());
    const int error = make(aside, path, bytes, options);
    if (error == EEXIST && attempt < 10) continue;
    if (error != 0) return error;
    return options.durable_name ? sync_folder(folder) : 0;
  }
}

}  // namespace parallelrun
