#include "common/posix/memory_file.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace parallelrun {

Result<FileDescriptor> memory_file(const char* name, std::string_view content) {
  const auto no_room = [] {
    return Error{ErrorCode::kUnavailable,
                 std::string("no file can be made in memory: ") + std::strerror(errno), true};
  };
  FileDescriptor file(::memfd_create(name, MFD_CLOEXEC));
  if (!file) return no_room();
  for (std::size_t done = 0; done < content.size();) {
    const ssize_t count =
        ::pwrite(file.get(), content.data() + done, content.size() - done, static_cast<off_t>(done));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return no_room();
    done += static_cast<std::size_t>(count);
  }
  return file;
}

}  // namespace parallelrun
