#include "runner/input/table_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "common/posix/file_descriptor.h"
#include "common/result/try.h"

namespace parallelrun {
namespace {

class LocalFile final : public TableFile {
 public:
  explicit LocalFile(const std::string& path)
      : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {
    if (!fd_) state_ = Error{ErrorCode::kIo, std::generic_category().message(errno)};
    struct stat info{};
    if ((fd_ ? ::fstat(fd_.get(), &info) : ::stat(path.c_str(), &info)) != 0) {
      if (state_) state_ = Error{ErrorCode::kIo, std::generic_category().message(errno)};
      return;
    }
    size_ = static_cast<std::uint64_t>(std::max<off_t>(info.st_size, 0));
    if (state_ && !S_ISREG(info.st_mode)) state_ = Error{ErrorCode::kIo, "it is not a regular file"};
  }

  std::uint64_t size() const override { return size_; }
  Status state() const override { return state_; }
  Result<std::size_t> read(std::uint64_t offset, char* into, std::size_t size) override {
    if (!state_) return state_.error();
    return FileStream(fd_.get(), offset, offset + size).read(into, size);
  }

 private:
  FileDescriptor fd_;
  std::uint64_t size_ = 0;
  Status state_;
};

class LocalFiles final : public TableFiles {
 public:
  std::unique_ptr<TableFile> open(const std::string& path) override {
    return std::make_unique<LocalFile>(path);
  }
};

}  // namespace

TableFiles& local_files() {
  static LocalFiles files;
  return files;
}

std::string why_unreadable(TableFile& file) {
  if (Status state = file.state(); !state) return state.error().message;
  char first = 0;
  const auto read = file.read(0, &first, 1);
  return read ? std::generic_category().message(EIO) : read.error().message;
}

Result<std::size_t> TableStream::read(char* into, std::size_t size) {
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(size, end_ - offset_));
  if (wanted == 0) return std::size_t{0};
  ASSIGN_OR_RETURN(const std::size_t got, file_.read(offset_, into, wanted));
  offset_ += got;
  return got;
}

Result<std::string> read_exactly(TableFile& file, std::uint64_t begin, std::uint64_t end) {
  TableStream stream(file, begin, end);
  std::string bytes(static_cast<std::size_t>(end - begin), '\0');
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    ASSIGN_OR_RETURN(const std::size_t got, stream.read(bytes.data() + filled, bytes.size() - filled));
    if (got == 0) return Error{ErrorCode::kIo, "the file has become shorter"};
    filled += got;
  }
  return bytes;
}

}  // namespace parallelrun
