#include "runner/report/log_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "common/posix/read_error.h"
#include "common/text/presentable.h"

namespace parallelrun::report {
namespace {

namespace fs = std::filesystem;

bool is_part_aside(const std::string& name) {
  return name.size() > 2 && name[name.size() - 2] == '.' && name.back() >= '0' && name.back() <= '9';
}

// Whether one of the components of `name` is `wanted`, or the last one is but for what follows a dot
// ("process000" of "process000.stdout.txt").
bool has_component(const std::string& name, const std::string& wanted) {
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('/', begin), name.size());
    const std::string_view part = std::string_view(name).substr(begin, end - begin);
    if (part == wanted) return true;
    if (end == name.size() && part.starts_with(wanted) && part.substr(wanted.size()).starts_with('.'))
      return true;
    begin = end + 1;
  }
  return false;
}

}  // namespace

Result<std::vector<LogFile>> log_files(const std::string& directory) {
  const fs::path root = directory + "/logs";
  std::error_code error;
  fs::recursive_directory_iterator entries(root, error);
  const auto cannot_read = [&] {
    return read_error(fmt::format("'{}'", presentable(root.string())), error.value());
  };
  if (error) return cannot_read();
  std::vector<LogFile> files;
  for (; entries != fs::recursive_directory_iterator(); entries.increment(error)) {
    if (error) return cannot_read();
    std::error_code gone;
    if (entries->is_symlink(gone) || !entries->is_regular_file(gone)) continue;
    const auto bytes = entries->file_size(gone);
    if (!gone) files.push_back({entries->path().lexically_relative(root).string(), bytes});
  }
  std::sort(files.begin(), files.end(), [](const LogFile& a, const LogFile& b) { return a.name < b.name; });
  return files;
}

std::vector<LogFile> selected(const std::vector<LogFile>& files, const std::string& wanted) {
  std::string name = wanted.starts_with("logs/") ? wanted.substr(5) : wanted;
  while (name.ends_with('/')) name.pop_back();
  std::vector<LogFile> out;
  const auto take = [&](auto&& matches) {
    if (!out.empty() || name.empty()) return;
    std::copy_if(files.begin(), files.end(), std::back_inserter(out), matches);
  };
  take([&](const LogFile& file) { return file.name == name; });
  take([&](const LogFile& file) { return file.name.ends_with("/" + name); });
  take([&](const LogFile& file) { return file.name.starts_with(name + "/") && !is_part_aside(file.name); });
  take([&](const LogFile& file) { return has_component(file.name, name) && !is_part_aside(file.name); });
  return out;
}

}  // namespace parallelrun::report
