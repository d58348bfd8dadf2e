#include "runner/output/read_only_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "common/posix/file_descriptor.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun {
namespace {

class ReadOnlyFile final : public File {
 public:
  ReadOnlyFile(std::string path, FileDescriptor fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  Result<std::uint64_t> size() override {
    struct stat info{};
    if (::fstat(fd_.get(), &info) != 0) return failed("read", errno);
    return static_cast<std::uint64_t>(info.st_size);
  }
  Result<std::size_t> read(std::uint64_t offset, char* buffer, std::size_t size) override {
    std::size_t have = 0;
    while (have < size) {
      const ssize_t got = ::pread(fd_.get(), buffer + have, size - have, static_cast<off_t>(offset + have));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return failed("read", errno);
      if (got == 0) break;
      have += static_cast<std::size_t>(got);
    }
    return have;
  }
  Status append(std::string_view) override { return failed("changed", EROFS); }
  Status truncate(std::uint64_t) override { return failed("changed", EROFS); }
  Status refresh(std::uint64_t, std::uint64_t) override { return failed("changed", EROFS); }
  Status sync() override { return {}; }

 private:
  Error failed(const char* what, int number) const {
    return Error{ErrorCode::kIo, fmt::format("'{}' cannot be {}: {}", path_, what, std::strerror(number))};
  }

  std::string path_;
  FileDescriptor fd_;
};

}  // namespace

Result<std::unique_ptr<File>> open_read_only(const std::string& path) {
  FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) {
    return Error{errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
                 fmt::format("'{}' cannot be read: {}", path, std::strerror(errno))};
  }
  return std::unique_ptr<File>(std::make_unique<ReadOnlyFile>(path, std::move(fd)));
}

}  // namespace parallelrun
