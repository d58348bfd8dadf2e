#include "runner/orchestrator/server/log_tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "common/posix/write_all.h"
#include "common/result/try.h"

namespace parallelrun::orchestrator {
namespace {

constexpr std::size_t kDeepest = 8;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd) {
    if (fd_ >= 0) close(fd_);
    fd_ = fd;
  }

 private:
  int fd_;
};

Error failed(const char* doing, const std::string& path, int number) {
  const bool full = number == ENOSPC || number == EDQUOT || number == EFBIG;
  const bool planted = number == ELOOP || number == ENOTDIR || number == ENXIO;
  return Error{full      ? ErrorCode::kNoSpace
               : planted ? ErrorCode::kInvalidArgument
                         : ErrorCode::kIo,
               std::string(doing) + " 'logs/" + path + "' failed: " + std::strerror(number), false};
}

Status write_text(int fd, const std::string& path, std::string_view bytes) {
  const int error = write_all(fd, bytes);
  return error == 0 ? Status() : failed("writing", path, error);
}

Status write_new(int folder, const std::string& name, const std::string& path, std::string_view content) {
  const Descriptor fd(
      openat(folder, name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666));
  if (fd.get() < 0) return failed("opening", path, errno);
  return write_text(fd.get(), path, content);
}

// In the blocks that the file has: on a full disk it is those or nothing. What does not fit is cut off.
Status overwrite(int folder, const std::string& name, const std::string& path, std::string_view content) {
  const Descriptor fd(
      openat(folder, name.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666));
  if (fd.get() < 0) return failed("opening", path, errno);
  struct stat status{};
  if (fstat(fd.get(), &status) != 0) return failed("looking at", path, errno);
  if (!S_ISREG(status.st_mode)) return failed("opening", path, ENXIO);
  Status written = write_text(fd.get(), path, content);
  const off_t end = lseek(fd.get(), 0, SEEK_CUR);
  if (end > 0 && ftruncate(fd.get(), end) != 0 && written) return failed("cutting", path, errno);
  return written;
}

std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

bool agent_may_log_to(std::string_view path) {
  static constexpr std::array<std::string_view, 6> kPrefixes = {
      "sys/node/", "user/entry_script_log/", "user/stdout/", "user/stderr/", "user/metrics/", "perf/"};
  const bool known = std::any_of(kPrefixes.begin(), kPrefixes.end(),
                                 [path](std::string_view prefix) { return path.starts_with(prefix); });
  if (!known || path.size() > 1024) return false;
  std::size_t depth = 0;
  for (;;) {
    const std::size_t slash = path.find('/');
    const std::string_view component = path.substr(0, slash);
    const bool plain = !component.empty() && component.size() <= 200 && component != "." &&
                       component != ".." && std::none_of(component.begin(), component.end(), [](char c) {
                         const auto u = static_cast<unsigned char>(c);
                         return u < 0x20 || u == 0x7f;
                       });
    if (!plain || ++depth > kDeepest) return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

LogTree::~LogTree() {
  for (const auto& [path, file] : open_) close(file.fd);
}

Result<int> LogTree::open_folder_of(const std::string& path) {
  constexpr int kFolder = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
  if (mkdir(options_.directory.c_str(), 0777) != 0 && errno != EEXIST)
    return failed("making the folder of", path, errno);
  Descriptor folder(open(options_.directory.c_str(), kFolder));
  if (folder.get() < 0) return failed("opening the folder of", path, errno);
  std::size_t start = 0;
  for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', start)) {
    const std::string component = path.substr(start, slash - start);
    start = slash + 1;
    if (mkdirat(folder.get(), component.c_str(), 0777) != 0 && errno != EEXIST) {
      return failed("making the folder of", path, errno);
    }
    const int next = openat(folder.get(), component.c_str(), kFolder);
    if (next < 0) return failed("opening the folder of", path, errno);
    folder.reset(next);
  }
  return folder.release();
}

Result<LogTree::OpenFile*> LogTree::open_file(const std::string& path) {
  if (const auto found = open_.find(path); found != open_.end()) {
    by_use_.splice(by_use_.begin(), by_use_, found->second.used);
    return &found->second;
  }
  Result<int> opened = open_folder_of(path);
  if (!opened) return opened.error();
  const Descriptor folder(*opened);
  // O_NONBLOCK: a FIFO that somebody planted must not stop us.
  Descriptor fd(openat(folder.get(), file_name(path).c_str(),
                       O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666));
  if (fd.get() < 0) return failed("opening", path, errno);
  struct stat status{};
  if (fstat(fd.get(), &status) != 0) return failed("looking at", path, errno);
  if (!S_ISREG(status.st_mode)) return failed("opening", path, ENXIO);
  while (open_.size() >= options_.max_open) forget(std::string(by_use_.back()));
  by_use_.push_front(path);
  OpenFile& file = open_[path];
  file = {fd.release(), static_cast<std::uint64_t>(status.st_size), by_use_.begin()};
  return &file;
}

void LogTree::forget(const std::string& path) {
  const auto found = open_.find(path);
  if (found == open_.end()) return;
  close(found->second.fd);
  by_use_.erase(found->second.used);
  open_.erase(found);
}

Status LogTree::rotate(const std::string& path) {
  forget(path);
  Result<int> opened = open_folder_of(path);
  if (!opened) return opened.error();
  const Descriptor folder(*opened);
  const std::string name = file_name(path);
  if (renameat(folder.get(), name.c_str(), folder.get(), (name + ".1").c_str()) != 0 && errno != ENOENT) {
    return failed("rotating", path, errno);
  }
  return {};
}

Status LogTree::append(const std::string& path, std::string_view bytes) {
  // A single piece larger than the cap would never fit: its end is what tells most.
  if (bytes.size() > options_.file_cap) bytes.remove_prefix(bytes.size() - options_.file_cap);
  Result<OpenFile*> file = open_file(path);
  if (!file) return file.error();
  if ((*file)->size > 0 && (*file)->size + bytes.size() > options_.file_cap) {
    RETURN_IF_ERROR(rotate(path));
    file = open_file(path);
    if (!file) return file.error();
  }
  if (Status s = write_text((*file)->fd, path, bytes); !s) {
    forget(path);
    return s;
  }
  (*file)->size += bytes.size();
  return {};
}

Status LogTree::replace(const std::string& path, std::string_view content) {
  forget(path);
  Result<int> opened = open_folder_of(path);
  if (!opened) return opened.error();
  const Descriptor folder(*opened);
  const std::string name = file_name(path);
  const std::string fresh = "." + name + ".new";
  if (Status s = write_new(folder.get(), fresh, path, content); !s) {
    if (s.error().code != ErrorCode::kNoSpace) return s;
    unlinkat(folder.get(), fresh.c_str(), 0);
    return overwrite(folder.get(), name, path, content);
  }
  if (renameat(folder.get(), fresh.c_str(), folder.get(), name.c_str()) != 0)
    return failed("replacing", path, errno);
  return {};
}

std::string LogTree::tail(const std::string& path, std::size_t limit) {
  Result<int> opened = open_folder_of(path);
  if (!opened) return {};
  const Descriptor folder(*opened);
  const Descriptor fd(
      openat(folder.get(), file_name(path).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat status{};
  if (fd.get() < 0 || fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  const auto size = static_cast<std::size_t>(status.st_size);
  const std::size_t wanted = std::min(size, limit);
  std::string text(wanted, '\0');
  const ssize_t n = pread(fd.get(), text.data(), wanted, static_cast<off_t>(size - wanted));
  text.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
  return text;
}

}  // namespace parallelrun::orchestrator
