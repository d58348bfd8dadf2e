#include "runner/orchestrator/server/directory_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "common/json/json.h"
#include "common/json/members.h"
#include "common/result/try.h"
#include "runner/orchestrator/server/lock_holder.h"
#include "runner/output/disk_storage.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun::orchestrator {
namespace {

constexpr int kAttempts = 100;  // a lock file that is replaced all the time is somebody's mistake
constexpr std::chrono::milliseconds kUntilItSaysWho{20};  // who has just taken it

nlohmann::json holder_of(int fd) {
  char text[1024] = {};
  const ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
  return nlohmann::json::parse(text, text + (n < 0 ? 0 : n), nullptr, false);
}

std::string in_words(const nlohmann::json& holder) {
  if (!holder.is_object()) return "another orchestrator";
  const auto word = [&](const char* key) {
    const auto found = holder.find(key);
    return found == holder.end() ? std::string("?")
           : found->is_string()  ? found->get<std::string>()
                                 : found->dump();
  };
  const std::string lease = text_at(holder, "lease");
  return fmt::format("{}process {} on {}, started {}", lease.empty() ? "" : "job " + lease + ", ",
                     word("pid"), word("host"), word("started"));
}

// Nobody has ever held it, or the last holder has given it up.
bool is_free(int fd) {
  struct stat status{};
  if (fstat(fd, &status) == 0 && status.st_size == 0) return true;
  const nlohmann::json holder = holder_of(fd);
  return holder.is_object() && holder.value("released", false);
}

bool write_text(int fd, const nlohmann::json& json) {
  const std::string text = json.dump() + "\n";
  return ftruncate(fd, 0) == 0 &&
         pwrite(fd, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
}

Error cannot_open(const std::string& path, int number) {
  return Error{ErrorCode::kIo, fmt::format("the lock '{}' cannot be opened: {}", path, std::strerror(number)),
               false};
}

Error cannot_lock(const std::string& directory, int number) {
  return Error{ErrorCode::kUnsupported,
               fmt::format("the file system of '{}' cannot lock files: {}; choose another output directory",
                           directory, std::strerror(number)),
               false};
}

Result<FileDescriptor> new_lock_file(const std::string& directory, const std::string& lease) {
  DiskStorage storage{std::filesystem::path(directory)};
  const std::string aside = storage.aside(kLockPath);
  const std::string path = directory + "/" + aside;
  FileDescriptor file(open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return cannot_open(path, errno);
  if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) return cannot_lock(directory, errno);
  if (!write_text(file.get(), lock_holder(lease)) || fsync(file.get()) != 0) return cannot_open(path, errno);
  RETURN_IF_ERROR(put_in_place(storage, aside, kLockPath));
  return file;
}

}  // namespace

Result<DirectoryLock> DirectoryLock::take(const std::string& directory, const std::string& lease) {
  const std::string path = directory + "/" + kLockPath;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    FileDescriptor file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) return cannot_open(path, errno);
    const bool locked = flock(file.get(), LOCK_EX | LOCK_NB) == 0;
    const int number = errno;
    if (!locked && number != EWOULDBLOCK) return cannot_lock(directory, number);
    if (!locked && !lease.empty() && is_free(file.get())) {
      std::this_thread::sleep_for(kUntilItSaysWho);
      continue;
    }
    // The Lease fences orchestrators of one job from each other, and nobody else.
    if (!locked && (lease.empty() || text_at(holder_of(file.get()), "lease") != lease)) {
      return Error{
          ErrorCode::kConflict,
          fmt::format(
              "'{}' is in use by another run ({}); wait for it, stop it, or choose another output directory",
              directory, in_words(holder_of(file.get()))),
          false};
    }
    if (!lease.empty() && (!locked || !is_free(file.get()))) {
      auto fresh = new_lock_file(directory, lease);
      if (!fresh) return fresh.error();
      return DirectoryLock(std::move(fresh).value(), lease, true);
    }
    // It may have been replaced between open and flock.
    if (!DiskStorage(std::filesystem::path(directory), file.get()).still_ours()) continue;
    // Only words for whoever is refused: the lock itself is held, whatever becomes of them.
    [[maybe_unused]] const bool written = write_text(file.get(), lock_holder(lease));
    return DirectoryLock(std::move(file), lease, false);
  }
  return cannot_open(path, EBUSY);
}

DirectoryLock::~DirectoryLock() {
  if (!file_ || !settled_) return;
  nlohmann::json last = lock_holder(lease_);
  last["released"] = true;
  [[maybe_unused]] const bool written = write_text(file_.get(), last);
}

}  // namespace parallelrun::orchestrator
