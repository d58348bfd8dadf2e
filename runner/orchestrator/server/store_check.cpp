#include "runner/orchestrator/server/store_check.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <random>
#include <string_view>

#include "runner/output/storage.h"

namespace parallelrun::orchestrator {
namespace {

Status cannot(const std::string& folder, const char* step, int number) {
  if (number == ENOSPC || number == EDQUOT || number == EFBIG) {
    return Error{ErrorCode::kNoSpace,
                 "no space is left for '" + folder + "' (" + std::strerror(number) +
                     "); free space and start the same job again",
                 false};
  }
  return Error{ErrorCode::kUnsupported,
               "the file system of '" + folder + "' cannot " + step +
                   (number == 0 ? "" : std::string(": ") + std::strerror(number)) +
                   "; results would not be safe there, so choose another output directory",
               false};
}

// The probe file: closed and removed however the check ends.
class Probe {
 public:
  explicit Probe(const std::string& path)
      : path_(path),
        fd_(open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)) {}
  ~Probe() {
    if (fd_ >= 0) close(fd_);
    unlink(path_.c_str());
    unlink((path_ + ".renamed").c_str());
  }
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;
  int fd() const { return fd_; }

 private:
  std::string path_;
  int fd_;
};

bool append(int fd, std::string_view bytes) {
  errno = 0;
  return write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
}

}  // namespace

Status check_store(const std::string& folder) {
  // Another process may be at the same.
  const std::string path =
      folder + "/probe" + std::string(kAsideMark) + std::to_string(std::random_device{}());
  const Probe probe(path);
  if (probe.fd() < 0) return cannot(folder, "create files", errno);
  if (!append(probe.fd(), "abcd") || !append(probe.fd(), "ef"))
    return cannot(folder, "append to a file", errno);
  if (ftruncate(probe.fd(), 3) != 0) return cannot(folder, "cut a file", errno);
  if (!append(probe.fd(), "g")) return cannot(folder, "append to a cut file", errno);
  char got[8] = {};
  errno = 0;
  if (pread(probe.fd(), got, sizeof(got), 0) != 4 || std::string_view(got, 4) != "abcg") {
    return cannot(folder, "read back the bytes that were appended and cut", errno);
  }
  if (fsync(probe.fd()) != 0) return cannot(folder, "sync a file", errno);
  if (rename(path.c_str(), (path + ".renamed").c_str()) != 0) return cannot(folder, "rename a file", errno);
  const int directory = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return cannot(folder, "open the folder", errno);
  const bool synced = fsync(directory) == 0;
  const int number = errno;
  close(directory);
  if (!synced) return cannot(folder, "sync a folder", number);
  return {};
}

}  // namespace parallelrun::orchestrator
