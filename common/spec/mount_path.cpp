#include "common/spec/mount_path.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace parallelrun {
namespace {

// The runner's own, and what programs are loaded from, accounts are read from or the kernel shows: a file
// there would run as the runner, or change what it believes. The resource definition has the same list.
constexpr std::array<std::string_view, 16> kNotTheJobs = {"/parallelrun",
                                                          "/opt/parallelrun",
                                                          "/bin",
                                                          "/boot",
                                                          "/dev",
                                                          "/etc",
                                                          "/lib",
                                                          "/lib32",
                                                          "/lib64",
                                                          "/libx32",
                                                          "/proc",
                                                          "/sbin",
                                                          "/sys",
                                                          "/run/secrets",
                                                          "/var/run/secrets",
                                                          "/usr"};

bool lies_in(std::string_view path, std::string_view folder) {
  return path == folder || (path.starts_with(folder) && path[folder.size()] == '/');
}

}  // namespace

MountPath mount_path(std::string_view text) {
  MountPath result;
  const auto wrong = [&](std::string rule) {
    result.problem = std::move(rule);
    return result;
  };
  if (!text.starts_with('/')) return wrong("is not absolute; begin it with '/'");
  if (text.find(':') != std::string_view::npos) return wrong("must not contain ':'");
  if (text.find('\0') != std::string_view::npos) return wrong("must not contain a NUL character");
  std::size_t start = 1;
  while (start < text.size()) {
    const std::size_t end = std::min(text.find('/', start), text.size());
    const std::string_view part = text.substr(start, end - start);
    if (part == ".." || part == ".") return wrong("must not contain '.' or '..'");
    if (!part.empty()) result.path.append("/").append(part);
    start = end + 1;
  }
  if (result.path.empty()) return wrong("would hide the whole container; name a folder");
  for (const std::string_view own : kNotTheJobs) {
    if (lies_in(result.path, own)) {
      return wrong(fmt::format(
          "lies in {}, a directory of the runner or the system; name another folder, such as /data{}", own,
          own == "/dev" ? ". For a larger /dev/shm set sharedMemory" : ""));
    }
    if (own.starts_with(result.path + "/")) {
      return wrong(fmt::format("would hide {}; name another folder", own));
    }
  }
  return result;
}

bool is_shared_memory(std::string_view text) {
  std::string path;
  for (const char c : text) {
    if (c != '/' || !path.ends_with('/')) path += c;
  }
  return path == "/dev/shm" || path == "/dev/shm/";
}

}  // namespace parallelrun
