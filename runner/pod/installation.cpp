#include "runner/pod/installation.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "common/posix/file_copy.h"
#include "common/posix/file_descriptor.h"
#include "common/posix/running_program.h"
#include "common/result/try.h"

namespace parallelrun {
namespace {

namespace fs = std::filesystem;

Error failed(const char* what, const fs::path& path, int error) {
  const ErrorCode code = error == ENOSPC || error == EDQUOT ? ErrorCode::kNoSpace
                         : error == ENOENT                  ? ErrorCode::kNotFound
                                                            : ErrorCode::kIo;
  return Error{
      code, fmt::format("cannot {} '{}': {}", what, path.string(), std::generic_category().message(error))};
}

// A program that runs cannot be written to, but another file can take its name.
Status install_file(const fs::path& from, const fs::path& to) {
  const FileDescriptor source(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status{};
  if (!source || ::fstat(source.get(), &status) != 0) return failed("read", from, errno);
  const fs::path next = to.string() + ".next";
  const FileDescriptor target(::open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!target) return failed("write", next, errno);
  if (const int error = copy_bytes(source.get(), target.get(), kWholeFile))
    return failed("write", next, error);
  // Read and run by whatever user the container of the user's image has.
  const mode_t mode = (status.st_mode & 0777U) | 0444U | ((status.st_mode & 0100U) != 0 ? 0111U : 0U);
  if (::fchmod(target.get(), mode) != 0) return failed("set the mode of", next, errno);
  if (::rename(next.c_str(), to.c_str()) != 0) return failed("write", to, errno);
  return {};
}

Status install_link(const fs::path& from, const fs::path& to) {
  std::error_code error;
  const fs::path target = fs::read_symlink(from, error);
  if (error) return failed("read", from, error.value());
  fs::remove(to, error);
  fs::create_symlink(target, to, error);
  return error ? failed("make the link", to, error.value()) : Status();
}

Status install_folder(const fs::path& from, const fs::path& to) {
  if (::mkdir(to.c_str(), 0755) != 0 && errno != EEXIST) return failed("make the folder", to, errno);
  std::error_code error;
  for (fs::directory_iterator entry(from, error), end; !error && entry != end; entry.increment(error)) {
    const fs::path target = to / entry->path().filename();
    const fs::file_status status = entry->symlink_status(error);
    if (error) break;
    Status done;
    // Inside the installation links are kept; the build folder's links into the checkout become what they
    // lead to.
    if (fs::is_symlink(status) && fs::read_symlink(entry->path(), error).is_relative()) {
      done = install_link(entry->path(), target);
    } else if (fs::is_directory(fs::status(entry->path(), error))) {
      if (entry->path().filename() != "__pycache__") done = install_folder(entry->path(), target);
    } else if (fs::is_regular_file(fs::status(entry->path(), error))) {
      done = install_file(entry->path(), target);
    }
    if (!done) return done;
  }
  return error ? failed("list", from, error.value()) : Status();
}

bool lies_in(const fs::path& path, const fs::path& folder) {
  return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first == folder.end();
}

}  // namespace

Result<std::string> installation_folder() {
  int error = 0;
  const fs::path program = running_program(&error);
  if (program.empty()) return failed("find the running program by", "/proc/self/exe", error);
  return program.parent_path().parent_path().string();
}

Status install(const std::string& installation, const std::string& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) return failed("make the folder", directory, error.value());
  const fs::path from = fs::canonical(installation, error);
  if (error) return failed("read", installation, error.value());
  const fs::path to = fs::canonical(directory, error);
  if (error) return failed("read", directory, error.value());
  if (lies_in(from, to) || lies_in(to, from)) {
    return Error{
        ErrorCode::kInvalidArgument,
        fmt::format(
            "'{}' cannot be installed into '{}', because one is inside the other; choose another directory",
            from.string(), to.string())};
  }
  // bin, with the Python package in it, and lib; a build folder has no lib, and has other things beside bin.
  for (const char* part : {"lib", "bin"}) {
    if (!fs::exists(from / part, error)) continue;
    RETURN_IF_ERROR(install_folder(from / part, to / part));
  }
  return {};
}

}  // namespace parallelrun
