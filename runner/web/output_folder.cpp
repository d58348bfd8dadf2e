#include "runner/web/output_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/posix/read_error.h"
#include "common/result/try.h"
#include "common/text/presentable.h"

namespace parallelrun::web {
namespace {

constexpr std::size_t kLongestPath = 4096;
// O_PATH would do for folders on the way, but not for the right to search them being checked at once.
constexpr int kFolder = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

Error not_there(std::string_view path, int number) {
  if (number == ELOOP || number == ENOTDIR)
    return {ErrorCode::kNotFound,
            fmt::format("'{}' is a link, or lies behind one; links are not followed", presentable(path))};
  if (number == ENOENT)
    return {ErrorCode::kNotFound, fmt::format("'{}' is not there (any more)", presentable(path))};
  return read_error(fmt::format("'{}'", presentable(path)), number);
}

// The folder of all components but the last one, which is put into `last`.
Result<FileDescriptor> folder_of(int from, std::string_view path, std::string& last) {
  FileDescriptor folder(fcntl(from, F_DUPFD_CLOEXEC, 0));
  if (!folder) return not_there(path, errno);
  for (std::size_t begin = 0;;) {
    const std::size_t end = path.find('/', begin);
    last = path.substr(begin, end == std::string_view::npos ? end : end - begin);
    if (end == std::string_view::npos) return folder;
    FileDescriptor next(openat(folder.get(), last.c_str(), kFolder));
    if (!next) return not_there(path, errno);
    folder = std::move(next);
    begin = end + 1;
  }
}

}  // namespace

bool is_path_within(std::string_view path) {
  if (path.empty() || path.size() > kLongestPath || path.find('\0') != std::string_view::npos) return false;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") return false;
    begin = end + 1;
  }
  return true;
}

Result<OutputFolder> OutputFolder::open(const std::string& root, std::string_view below) {
  FileDescriptor folder(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return not_there(root, errno);
  if (below.empty()) return OutputFolder(std::move(folder));
  std::string last;
  ASSIGN_OR_RETURN(const FileDescriptor parent, folder_of(folder.get(), below, last));
  FileDescriptor own(openat(parent.get(), last.c_str(), kFolder));
  if (!own) return not_there(below, errno);
  return OutputFolder(std::move(own));
}

Result<FileDescriptor> OutputFolder::file(std::string_view path) const {
  if (!is_path_within(path))
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("'{}' is no path within the output directory: it must be relative and without "
                             "'..' or empty parts",
                             presentable(path.substr(0, 200)))};
  std::string last;
  ASSIGN_OR_RETURN(const FileDescriptor parent, folder_of(folder_.get(), path, last));
  // Not blocked by a pipe that somebody put there.
  FileDescriptor opened(openat(parent.get(), last.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!opened) return not_there(path, errno);
  struct stat status{};
  if (fstat(opened.get(), &status) != 0) return not_there(path, errno);
  if (!S_ISREG(status.st_mode))
    return Error{ErrorCode::kNotFound, fmt::format("'{}' is no file", presentable(path))};
  return opened;
}

bool OutputFolder::has_folder(std::string_view path) const {
  std::string last;
  const auto parent = is_path_within(path) ? folder_of(folder_.get(), path, last)
                                           : Result<FileDescriptor>(Error{ErrorCode::kNotFound, ""});
  return parent && FileDescriptor(openat(parent->get(), last.c_str(), kFolder));
}

Result<std::size_t> read_at(int file, char* into, std::size_t size, std::uint64_t offset) {
  std::size_t done = 0;
  while (done < size) {
    const ssize_t n = pread(file, into + done, size - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return read_error("a file of the output", errno);
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

Result<std::string> read_begin(const FileDescriptor& file, std::size_t limit) {
  std::string text(limit, '\0');
  ASSIGN_OR_RETURN(const std::size_t size, read_at(file.get(), text.data(), limit, 0));
  text.resize(size);
  return text;
}

Result<std::string> read_end(const FileDescriptor& file, std::size_t limit) {
  struct stat status{};
  if (fstat(file.get(), &status) != 0) return read_error("a file of the output", errno);
  const auto size = static_cast<std::uint64_t>(status.st_size);
  std::string text(std::min<std::uint64_t>(size, limit), '\0');
  ASSIGN_OR_RETURN(const std::size_t read, read_at(file.get(), text.data(), text.size(), size - text.size()));
  text.resize(read);
  return text;
}

}  // namespace parallelrun::web
