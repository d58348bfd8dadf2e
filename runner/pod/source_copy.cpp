#include "runner/pod/source_copy.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "common/posix/file_copy.h"
#include "common/posix/file_descriptor.h"
#include "common/result/try.h"

namespace parallelrun {
namespace {

namespace fs = std::filesystem;

// The copy grows here, on the file system of its place, and is moved up when it is whole.
constexpr const char* kStage = "..copy";

Error copy_failed(std::string_view what, const std::string& path, int error) {
  const ErrorCode code = error == ENOSPC || error == EDQUOT ? ErrorCode::kNoSpace
                         : error == ENOENT                  ? ErrorCode::kNotFound
                                                            : ErrorCode::kIo;
  return Error{code, fmt::format("the source cannot be copied: {} '{}': {}", what, path,
                                 std::generic_category().message(error))};
}

class SourceCopy {
 public:
  explicit SourceCopy(fs::path boundary) : boundary_(std::move(boundary)) {}

  Status directory(const fs::path& from, const fs::path& to) {
    struct stat status{};
    if (::stat(from.c_str(), &status) != 0) return copy_failed("cannot read", from, errno);
    const std::pair<dev_t, ino_t> identity(status.st_dev, status.st_ino);
    // A link to a directory above itself.
    if (std::find(above_.begin(), above_.end(), identity) != above_.end()) return {};
    // Ours to fill and to remove, whatever the original allows.
    if (::mkdir(to.c_str(), (status.st_mode & 0777U) | 0700U) != 0 && errno != EEXIST)
      return copy_failed("cannot make", to, errno);
    above_.push_back(identity);
    std::error_code error;
    for (fs::directory_iterator entry(from, error), end; !error && entry != end; entry.increment(error)) {
      const std::string name = entry->path().filename();
      if (name.starts_with("..") || name == "lost+found") continue;
      RETURN_IF_ERROR(one(entry->path(), to / name));
    }
    above_.pop_back();
    return error ? copy_failed("cannot list", from, error.value()) : Status();
  }

 private:
  Status one(const fs::path& from, const fs::path& to) {
    struct stat status{};
    if (::lstat(from.c_str(), &status) != 0)
      return errno == ENOENT ? Status() : copy_failed("cannot read", from, errno);
    if (S_ISLNK(status.st_mode)) {
      std::error_code error;
      const fs::path target = fs::canonical(from, error);
      if (error || !within(target)) {
        fs::copy_symlink(from, to, error);
        return error ? copy_failed("cannot make the link", to, error.value()) : Status();
      }
      if (::stat(from.c_str(), &status) != 0) return copy_failed("cannot read", from, errno);
    }
    if (S_ISDIR(status.st_mode)) return directory(from, to);
    return S_ISREG(status.st_mode) ? file(from, to) : Status();
  }

  static Status file(const fs::path& from, const fs::path& to) {
    const FileDescriptor source(::open(from.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
    struct stat status{};
    if (!source || ::fstat(source.get(), &status) != 0) return copy_failed("cannot read", from, errno);
    const FileDescriptor target(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!target) return copy_failed("cannot make", to, errno);
    if (const int error = copy_bytes(source.get(), target.get(), kWholeFile))
      return copy_failed("cannot copy", from, error);
    if (::fchmod(target.get(), status.st_mode & 0777U) != 0)
      return copy_failed("cannot set the mode of", to, errno);
    return {};
  }

  bool within(const fs::path& target) const {
    const auto [end, unused] =
        std::mismatch(boundary_.begin(), boundary_.end(), target.begin(), target.end());
    return end == boundary_.end();
  }

  const fs::path boundary_;
  std::vector<std::pair<dev_t, ino_t>> above_;
};

}  // namespace

Status copy_source(const std::string& from, const std::string& boundary, const std::string& to) {
  std::error_code error;
  const fs::path root = fs::canonical(boundary, error);
  if (error) return copy_failed("cannot read", boundary, error.value());
  fs::create_directories(to, error);
  if (error) return copy_failed("cannot make", to, error.value());
  const fs::path stage = fs::path(to) / kStage;
  fs::remove_all(stage, error);
  if (error) return copy_failed("cannot remove", stage, error.value());
  RETURN_IF_ERROR(SourceCopy(root).directory(from, stage));

  std::vector<fs::path> old;
  for (const auto& entry : fs::directory_iterator(to, error)) {
    if (entry.path() != stage) old.push_back(entry.path());
  }
  for (const fs::path& path : old) fs::remove_all(path, error);
  std::vector<fs::path> fresh;
  if (!error) {
    for (const auto& entry : fs::directory_iterator(stage, error)) fresh.push_back(entry.path());
  }
  for (const fs::path& path : fresh) {
    if (!error) fs::rename(path, fs::path(to) / path.filename(), error);
  }
  if (!error) fs::remove_all(stage, error);
  return error ? copy_failed("cannot replace the copy in", to, error.value()) : Status();
}

}  // namespace parallelrun
