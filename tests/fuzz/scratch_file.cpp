#include "tests/fuzz/scratch_file.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace parallelrun::fuzz {

ScratchFile::ScratchFile(const std::string& ending) {
  const bool in_memory = std::filesystem::is_directory("/dev/shm");
  path_ = (in_memory ? "/dev/shm/fuzz-XXXXXX" : "/tmp/fuzz-XXXXXX") + ending;
  fd_ = ::mkstemps(path_.data(), static_cast<int>(ending.size()));
  if (fd_ < 0) std::abort();
}

ScratchFile::~ScratchFile() {
  ::close(fd_);
  ::unlink(path_.c_str());
}

void ScratchFile::write(std::string_view content) {
  if (::ftruncate(fd_, 0) != 0) std::abort();
  for (std::size_t done = 0; done < content.size();) {
    const ssize_t size =
        ::pwrite(fd_, content.data() + done, content.size() - done, static_cast<off_t>(done));
    if (size <= 0) std::abort();
    done += static_cast<std::size_t>(size);
  }
}

}  // namespace parallelrun::fuzz
