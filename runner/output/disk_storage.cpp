#include "runner/output/disk_storage.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <random>
#include <system_error>

#include "common/posix/file_copy.h"
#include "common/posix/file_descriptor.h"
#include "common/result/try.h"
#include "runner/output/begin_anew.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun {
namespace {

Error system_error(int code, std::string_view what, const std::string& path) {
  const bool full = code == ENOSPC || code == EDQUOT;
  return Error{
      full ? ErrorCode::kNoSpace : ErrorCode::kIo,
      fmt::format(
          "cannot {} {}: {}{}", what, path, std::generic_category().message(code),
          full ? "; free space and start the same job again: it goes on from what is committed" : "")};
}

// The end of the name of an aside() that becomes a file for people. Its folder keeps others out until then.
constexpr std::string_view kForPeople = ".result";

bool is_state(std::string_view path) { return path.starts_with(".parallelrun/"); }

Error is_a_link(const std::string& path) {
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("{} is a symbolic link, but a job does not write through links; remove it, or "
                           "choose another output directory",
                           path)};
}

class DiskFile final : public File {
 public:
  DiskFile(int fd, std::uint64_t end, std::string path) : fd_(fd), end_(end), path_(std::move(path)) {}
  ~DiskFile() override { ::close(fd_); }
  DiskFile(const DiskFile&) = delete;
  DiskFile& operator=(const DiskFile&) = delete;

  Result<std::uint64_t> size() override {
    struct stat status{};
    if (::fstat(fd_, &status) != 0) return system_error(errno, "examine", path_);
    return static_cast<std::uint64_t>(status.st_size);
  }

  Status append(std::string_view bytes) override {
    auto done = write_at(end_, bytes);
    if (done) end_ += bytes.size();
    return done;
  }

  Status refresh(std::uint64_t offset, std::uint64_t size) override {
    std::string buffer;
    for (const std::uint64_t past = offset + size; offset < past;) {
      buffer.resize(static_cast<std::size_t>(std::min<std::uint64_t>(past - offset, 1U << 20U)));
      auto got = read(offset, buffer.data(), buffer.size());
      if (!got) return got.error();
      if (*got == 0) break;
      RETURN_IF_ERROR(write_at(offset, std::string_view(buffer).substr(0, *got)));
      offset += *got;
    }
    return {};
  }

  Result<std::size_t> read(std::uint64_t offset, char* buffer, std::size_t size) override {
    std::size_t done = 0;
    while (done < size) {
      const ssize_t got = ::pread(fd_, buffer + done, size - done, static_cast<off_t>(offset + done));
      if (got < 0) {
        if (errno == EINTR) continue;
        return system_error(errno, "read", path_);
      }
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

  Status truncate(std::uint64_t size) override {
    while (::ftruncate(fd_, static_cast<off_t>(size)) != 0) {
      if (errno != EINTR) return system_error(errno, "cut", path_);
    }
    end_ = size;
    return {};
  }

  Status sync() override {
    // No second try: after a failed sync the kernel may have dropped the pages and would then report success.
    if (::fdatasync(fd_) != 0) return system_error(errno, "sync", path_);
    return {};
  }

 private:
  Status write_at(std::uint64_t offset, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (written < 0) {
        if (errno == EINTR) continue;
        return system_error(errno, "write to", path_);
      }
      bytes.remove_prefix(static_cast<std::size_t>(written));
      offset += static_cast<std::uint64_t>(written);
    }
    return {};
  }

  int fd_;
  std::uint64_t end_;  // not O_APPEND, with which Linux would write what refresh() writes to the end
  std::string path_;
};

}  // namespace

DiskStorage::DiskStorage(std::filesystem::path directory, int lock)
    : directory_(std::move(directory)), lock_(lock) {
  std::random_device random;
  token_ = fmt::format("{:08x}{:08x}", random(), random());
}

Result<std::unique_ptr<File>> DiskStorage::open(const std::string& path) {
  const std::filesystem::path whole = directory_ / path;
  std::error_code failed;
  std::filesystem::create_directories(whole.parent_path(), failed);
  if (failed) return system_error(failed.value(), "make the folder", whole.parent_path().string());
  // Never through a link: a script that can write here must not lead us out of the directory.
  // The state of the job is for this user alone; what it makes for people is as they have set their umask.
  const bool private_file = is_state(path) && !path.ends_with(kForPeople);
  const mode_t mode = private_file ? 0600 : 0666;
  const int fd = ::open(whole.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode);
  if (fd < 0 && errno == ELOOP) return is_a_link(whole.string());
  if (fd < 0) return system_error(errno, "open", whole.string());
  struct stat status{};
  if (::fstat(fd, &status) != 0) {
    const int code = errno;
    ::close(fd);
    return system_error(code, "examine", whole.string());
  }
  return std::unique_ptr<File>(
      std::make_unique<DiskFile>(fd, static_cast<std::uint64_t>(status.st_size), whole.string()));
}

Result<bool> DiskStorage::exists(const std::string& path) {
  struct stat status{};
  const std::filesystem::path whole = directory_ / path;
  if (::lstat(whole.c_str(), &status) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  return system_error(errno, "examine", whole.string());
}

Status DiskStorage::rename(const std::string& from, const std::string& to) {
  const std::filesystem::path target = directory_ / to;
  if (::rename((directory_ / from).c_str(), target.c_str()) != 0) {
    return system_error(errno, "rename " + from + " to", target.string());
  }
  return {};
}

Status DiskStorage::remove(const std::string& path) {
  const std::filesystem::path whole = directory_ / path;
  if (::unlink(whole.c_str()) != 0 && errno != ENOENT) return system_error(errno, "remove", whole.string());
  return {};
}

Status DiskStorage::remove_tree(const std::string& path) {
  std::error_code failed;
  std::filesystem::remove_all(directory_ / path, failed);
  if (failed) return system_error(failed.value(), "remove", (directory_ / path).string());
  return {};
}

Status DiskStorage::sync_folder_of(const std::string& path) {
  const std::filesystem::path folder = (directory_ / path).parent_path();
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return system_error(errno, "open the folder", folder.string());
  const int result = ::fsync(fd);
  const int code = errno;
  ::close(fd);
  // Some network file systems sync names by themselves and refuse to be asked.
  if (result != 0 && code != EINVAL) return system_error(code, "sync the folder", folder.string());
  return {};
}

Result<std::vector<std::string>> DiskStorage::list(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code failed;
  const std::filesystem::path whole = directory_ / folder;
  for (std::filesystem::directory_iterator entry(whole, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    names.push_back(entry->path().filename());
  }
  if (failed && failed != std::errc::no_such_file_or_directory)
    return system_error(failed.value(), "list the folder", whole.string());
  return names;
}

Status DiskStorage::copy(const std::string& from, std::uint64_t length, const std::string& to) {
  const std::filesystem::path source_path = directory_ / from;
  const std::filesystem::path target_path = directory_ / to;
  const FileDescriptor source(::open(source_path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat status{};
  if (!source || ::fstat(source.get(), &status) != 0)
    return system_error(errno, "open", source_path.string());
  const FileDescriptor target(::open(target_path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!target || ::fchmod(target.get(), status.st_mode & 0777U) != 0)
    return system_error(errno, "make", target_path.string());
  const int failed = copy_bytes(source.get(), target.get(), length);
  if (failed == ENODATA) {
    return Error{ErrorCode::kCorrupt,
                 fmt::format("{} has become shorter than {} bytes", source_path.string(), length)};
  }
  if (failed != 0) return system_error(failed, "copy " + from + " to", target_path.string());
  if (::fsync(target.get()) != 0) return system_error(errno, "sync", target_path.string());
  return {};
}

std::string DiskStorage::aside(const std::string& path) const {
  return fmt::format(".parallelrun/{}{}{}{}", std::filesystem::path(path).filename().string(), kAsideMark,
                     token_, is_state(path) ? "" : kForPeople);
}

Status DiskStorage::still_ours() {
  if (lock_ < 0) return {};
  const std::filesystem::path path = directory_ / kLockPath;
  struct stat held{};
  struct stat named{};
  // Opened and not only looked at: a network file system then asks its server.
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file && errno != ENOENT) return system_error(errno, "open", path.string());
  const bool both = ::fstat(lock_, &held) == 0 && file && ::fstat(file.get(), &named) == 0;
  if (both && held.st_dev == named.st_dev && held.st_ino == named.st_ino) return {};
  if (!file) return removed();
  return Error{
      ErrorCode::kAborted,
      fmt::format("another orchestrator has taken over '{}'; it goes on with the job", directory_.string()),
      false};
}

// Precondition: the lock is not there under its name.
Error DiskStorage::removed() const {
  std::error_code ignored;
  const std::filesystem::path state = (directory_ / kLockPath).parent_path();
  std::string what;
  if (!std::filesystem::exists(directory_, ignored)) {
    what = fmt::format(
        "the output directory '{}' was removed or moved while the job ran; put it back and start the same "
        "job again: it goes on. Without the directory it begins anew",
        directory_.string());
  } else if (!std::filesystem::exists(state, ignored)) {
    what = fmt::format(
        "'{}' was removed or moved while the job ran; put it back and start the same job again: it goes on. "
        "Or {}",
        state.string(), kBeginAnew);
  } else {
    what = fmt::format(
        "the lock '{}' was removed while the job ran, so another run could have written there at the same "
        "time; start the same job again: it goes on from what is committed",
        (directory_ / kLockPath).string());
  }
  return Error{ErrorCode::kNotFound, std::move(what), false};
}

}  // namespace parallelrun
