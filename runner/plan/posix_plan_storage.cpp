#include "runner/plan/posix_plan_storage.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "common/result/try.h"

namespace parallelrun {

Error PosixPlanStorage::failure(const char* action, int error) const {
  const ErrorCode code = error == ENOSPC || error == EDQUOT ? ErrorCode::kNoSpace
                         : error == ENOENT                  ? ErrorCode::kNotFound
                                                            : ErrorCode::kIo;
  return Error{
      code, std::string("cannot ") + action + " '" + path_ + "': " + std::generic_category().message(error)};
}

Result<std::unique_ptr<PosixPlanStorage>> PosixPlanStorage::open(const std::string& path) {
  return open(path, O_RDWR | O_CREAT);
}

Result<std::unique_ptr<PosixPlanStorage>> PosixPlanStorage::open_to_read(const std::string& path) {
  return open(path, O_RDONLY);
}

Result<std::unique_ptr<PosixPlanStorage>> PosixPlanStorage::open(const std::string& path, int flags) {
  FileDescriptor fd(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600));
  const int error = errno;
  const bool opened = static_cast<bool>(fd);
  std::unique_ptr<PosixPlanStorage> storage(new PosixPlanStorage(path, std::move(fd)));
  if (!opened) return storage->failure("open", error);
  const Result<std::uint64_t> size = storage->size();
  if (!size) return size.error();
  storage->end_ = *size;
  return storage;
}

Status PosixPlanStorage::append(std::string_view bytes) {
  Status done = write_at(end_, bytes);
  if (done) end_ += bytes.size();
  return done;
}

Status PosixPlanStorage::write_at(std::uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0) {
      if (errno == EINTR) continue;
      return failure("write", errno);
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  return {};
}

Status PosixPlanStorage::refresh(std::uint64_t offset, std::uint64_t size) {
  std::string buffer;
  for (const std::uint64_t past = offset + size; offset < past;) {
    buffer.resize(static_cast<std::size_t>(std::min<std::uint64_t>(past - offset, 1U << 20U)));
    const Result<std::size_t> got = read_at(offset, buffer.data(), buffer.size());
    if (!got) return got.error();
    if (*got == 0) break;
    RETURN_IF_ERROR(write_at(offset, std::string_view(buffer).substr(0, *got)));
    offset += *got;
  }
  return {};
}

Result<std::size_t> PosixPlanStorage::read_at(std::uint64_t offset, char* into, std::size_t size) {
  std::size_t total = 0;
  while (total < size) {
    const ssize_t got = ::pread(fd_.get(), into + total, size - total, static_cast<off_t>(offset + total));
    if (got < 0) {
      if (errno == EINTR) continue;
      return failure("read", errno);
    }
    if (got == 0) break;
    total += static_cast<std::size_t>(got);
  }
  return total;
}

Status PosixPlanStorage::truncate(std::uint64_t size) {
  if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) return failure("truncate", errno);
  end_ = size;
  return {};
}

Status PosixPlanStorage::sync() {
  if (::fdatasync(fd_.get()) != 0) return failure("sync", errno);
  return {};
}

Result<std::uint64_t> PosixPlanStorage::size() {
  struct stat info{};
  if (::fstat(fd_.get(), &info) != 0) return failure("examine", errno);
  return static_cast<std::uint64_t>(info.st_size);
}

}  // namespace parallelrun
