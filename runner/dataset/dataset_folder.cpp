#include "runner/dataset/dataset_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "common/posix/file_descriptor.h"
#include "common/posix/whole_file.h"
#include "common/result/try.h"
#include "common/spec/nearest_name.h"
#include "common/spec/yaml_text.h"
#include "common/time/rfc3339.h"

namespace parallelrun {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kEnding = ".yaml";

Error failed(const char* what, const std::string& path, int error) {
  return Error{ErrorCode::kIo, fmt::format("cannot {} {}: {}", what, in_quotes(path), std::strerror(error)),
               false};
}

}  // namespace

std::string dataset_folder_path(std::string_view given) {
  if (!given.empty()) return std::string(given);
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  if (const std::string named = variable("PARALLELRUN_DATASETS"); !named.empty()) return named;
  const std::string below = "/parallelrun/datasets";
  if (const std::string data = variable("XDG_DATA_HOME"); data.starts_with('/')) return data + below;
  const std::string home = variable("HOME");
  return home.starts_with('/') ? home + "/.local/share" + below : std::string();
}

std::string DatasetFolder::file_of(const std::string& name) const {
  return path_ + "/" + name + std::string(kEnding);
}

Result<std::vector<std::string>> DatasetFolder::names() const {
  std::vector<std::string> names;
  std::error_code error;
  fs::directory_iterator at(path_, error);
  if (error == std::errc::no_such_file_or_directory) return names;
  for (; !error && at != fs::directory_iterator(); at.increment(error)) {
    const std::string file = at->path().filename().string();
    if (file.ends_with(kEnding) && !file.starts_with('.'))
      names.push_back(file.substr(0, file.size() - kEnding.size()));
  }
  if (error) {
    return Error{ErrorCode::kIo,
                 fmt::format("the folder of datasets {} cannot be read: {}; name another with --datasets",
                             in_quotes(path_), error.message()),
                 false};
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<Dataset> DatasetFolder::read_file(const std::string& name) const {
  const std::string file = file_of(name);
  ASSIGN_OR_RETURN(const std::string text, read_manifest_file(file));
  ParsedDataset parsed = parse_dataset(text);
  if (parsed.ok() && parsed.dataset.name != name) {
    parsed.problems.push_back({"metadata.name",
                               fmt::format("{} is not the name of the file; rename the file, or correct the "
                                           "name",
                                           in_quotes(parsed.dataset.name)),
                               0});
  }
  if (!parsed.ok()) {
    std::string message = to_string(parsed.problems.front(), file);
    if (parsed.problems.size() > 1) message += fmt::format(" (and {} more)", parsed.problems.size() - 1);
    return Error{ErrorCode::kCorrupt, std::move(message), false};
  }
  const std::string folder = fs::absolute(path_).lexically_normal().string();
  for (DatasetVersion& version : parsed.dataset.versions) anchor_paths(version, folder);
  return std::move(parsed.dataset);
}

Result<Dataset> DatasetFolder::read(const std::string& name) const {
  // No name leads out of the folder.
  Result<Dataset> found = name.empty() || name.find('/') != std::string::npos
                              ? Error{ErrorCode::kNotFound, "", false}
                              : read_file(name);
  if (found || found.error().code != ErrorCode::kNotFound) return found;
  ASSIGN_OR_RETURN(const std::vector<std::string> known, names());
  const std::string others =
      known.empty() ? std::string("; none is registered there") : did_you_mean(name, known);
  return Error{ErrorCode::kNotFound,
               fmt::format("there is no dataset {} in {}{} (parallelrun datasets register {} --path FOLDER "
                           "registers it)",
                           in_quotes(name), in_quotes(path_), others, shown(name)),
               false};
}

Status DatasetFolder::write(const Dataset& dataset) const {
  const std::string file = file_of(dataset.name);
  const int error = write_whole_file(file, yaml_text(in_usual_order(dataset)), {.mode = 0644});
  return error == 0 ? Status() : failed("write", file, error);
}

// Reads the dataset, has it changed and writes it, alone in the folder.
Result<Registration> DatasetFolder::change(
    const std::string& name, const std::function<Result<Registration>(const Dataset* there)>& change) const {
  if (path_.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 "there is no folder for datasets, because HOME is not set; name one with --datasets DIR",
                 false};
  }
  std::error_code error;
  fs::create_directories(path_, error);
  if (error) return failed("make the folder", path_, error.value());
  const std::string lock_file = path_ + "/.lock";
  const FileDescriptor lock(::open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!lock) return failed("write", lock_file, errno);
  while (::flock(lock.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return failed("lock", lock_file, errno);
  }
  const Result<Dataset> found = read_file(name);
  if (!found && found.error().code != ErrorCode::kNotFound) return found.error();
  ASSIGN_OR_RETURN(Registration registration, change(found ? &*found : nullptr));
  if (!registration.added.empty()) RETURN_IF_ERROR(write(registration.dataset));
  return registration;
}

Result<Registration> DatasetFolder::add(const Dataset& dataset) const {
  return change(dataset.name, [&](const Dataset* there) { return register_versions(there, dataset); });
}

Result<Registration> DatasetFolder::add(NewVersion version) const {
  if (version.version.created.empty()) {
    version.version.created =
        rfc3339_seconds(std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));
  }
  return change(version.name, [&](const Dataset* there) { return register_version(there, version); });
}

}  // namespace parallelrun
