#include "common/posix/private_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

namespace parallelrun {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLock = "/.lock";
constexpr std::string_view kRandom = "XXXXXX";

void remove_tree(const std::string& path) {
  std::error_code ignored;
  fs::remove_all(path, ignored);
}

// Whether `path` is a directory of this user whose owner is dead.
bool is_abandoned(const std::string& path) {
  const FileDescriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat info{};
  if (!directory || ::fstat(directory.get(), &info) != 0 || info.st_uid != ::geteuid()) return false;
  const FileDescriptor lock(::openat(directory.get(), kLock + 1, O_RDWR | O_NOFOLLOW | O_CLOEXEC));
  return lock && ::flock(lock.get(), LOCK_EX | LOCK_NB) == 0;
}

}  // namespace

Result<PrivateDirectory> PrivateDirectory::make(const std::string& base, std::string_view prefix) {
  std::string path = base + "/" + std::string(prefix) + "-" + std::string(kRandom);
  if (::mkdtemp(path.data()) == nullptr) {
    return Error{ErrorCode::kIo, "cannot make a directory '" + path + "': " + std::strerror(errno)};
  }
  // Under its name the lock is never free while its owner lives.
  const std::string name = path + kLock;
  const std::string early = name + ".new";
  FileDescriptor lock(::open(early.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!lock || ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0 || ::rename(early.c_str(), name.c_str()) != 0) {
    const int error = errno;
    remove_tree(path);
    return Error{ErrorCode::kIo, "cannot lock the directory '" + path + "': " + std::strerror(error)};
  }
  return PrivateDirectory(std::move(path), std::move(lock));
}

int PrivateDirectory::remove_abandoned(const std::string& base, std::string_view prefix) {
  const std::string begin = std::string(prefix) + "-";
  std::vector<std::string> found;
  std::error_code error;
  for (fs::directory_iterator entry(base, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.starts_with(begin) && name.size() == begin.size() + kRandom.size()) {
      found.push_back(entry->path().string());
    }
  }
  int removed = 0;
  for (const std::string& path : found) {
    if (!is_abandoned(path)) continue;
    remove_tree(path);
    ++removed;
  }
  return removed;
}

PrivateDirectory::~PrivateDirectory() {
  if (!path_.empty()) remove_tree(path_);
}

PrivateDirectory::PrivateDirectory(PrivateDirectory&& other) noexcept
    : path_(std::exchange(other.path_, {})), lock_(std::move(other.lock_)) {}

PrivateDirectory& PrivateDirectory::operator=(PrivateDirectory&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(lock_, other.lock_);
  return *this;
}

}  // namespace parallelrun
