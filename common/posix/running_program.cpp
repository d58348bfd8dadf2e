#include "common/posix/running_program.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <string_view>

namespace parallelrun {

std::string running_program(int* error) {
  std::array<char, PATH_MAX> path{};
  const ssize_t size = readlink("/proc/self/exe", path.data(), path.size() - 1);
  if (size <= 0) {
    if (error != nullptr) *error = errno;
    return {};
  }
  return program_behind(std::string(path.data(), static_cast<std::size_t>(size)), "parallelrun");
}

std::string program_behind(const std::string& executable, const std::string& name) {
  const std::string_view path = executable;
  const std::size_t file = path.rfind('/');
  if (file == std::string_view::npos || !path.substr(file + 1).starts_with("ld-linux")) return executable;
  const std::string_view library_folder = path.substr(0, file);
  const std::size_t parent = library_folder.rfind('/');
  if (parent == std::string_view::npos) return executable;
  return std::string(library_folder.substr(0, parent)) + "/bin/" + name;
}

}  // namespace parallelrun
