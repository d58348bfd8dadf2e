#include "runner/orchestrator/server/output_logs.h"

#include <filesystem>
#include <fstream>
#include <system_error>

#include "common/result/try.h"
#include "runner/output/state_files.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun::orchestrator {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLogs = "logs";
constexpr const char* kOverviewFiles[] = {"logs/job_progress_overview.txt", "logs/sys/progress.json",
                                          "logs/user/error.txt"};
// Whose results these are and how it ended: what the verbs read in a directory that was fetched from the
// store.
constexpr const char* kStateFiles[] = {".parallelrun/job.json", kResultPath};

bool plain_components(const fs::path& path) {
  for (const fs::path& part : path) {
    if (part == ".." || part == "." || part.empty()) return false;
  }
  return path.is_relative();
}

}  // namespace

void OutputLogs::find(const std::string& name, std::map<std::string, Stamp>& found) const {
  std::error_code gone;  // a file that was rotated meanwhile
  const fs::path path = fs::path(directory_) / name;
  if (fs::symlink_status(path, gone).type() != fs::file_type::regular) return;
  const std::uint64_t size = fs::file_size(path, gone);
  const auto changed = fs::last_write_time(path, gone).time_since_epoch().count();
  if (!gone) found[name] = {size, static_cast<std::int64_t>(changed)};
}

Status OutputLogs::put(OutputObjects& objects, const std::map<std::string, Stamp>& found) {
  std::vector<OutputObjects::Upload> changed;
  for (const auto& [name, stamp] : found) {
    const auto before = put_.find(name);
    if (before == put_.end() || before->second != stamp) changed.push_back({name, directory_ + "/" + name});
  }
  return objects.upload(changed, [&](std::size_t index, const LogObject&) -> Status {
    const std::string& name = changed[index].name;
    put_[name] = found.at(name);
    return {};
  });
}

Status OutputLogs::put_all(OutputObjects& objects) {
  std::map<std::string, Stamp> found;
  std::error_code error;
  const fs::path root = fs::path(directory_) / kLogs;
  for (fs::recursive_directory_iterator entry(root, error), end; !error && entry != end;
       entry.increment(error)) {
    find(entry->path().lexically_relative(directory_).string(), found);
  }
  for (const char* name : kStateFiles) find(name, found);
  return put(objects, found);
}

Status OutputLogs::put_overview(OutputObjects& objects) {
  std::map<std::string, Stamp> found;
  for (const char* name : kOverviewFiles) find(name, found);
  for (const char* name : kStateFiles) find(name, found);
  return put(objects, found);
}

Status OutputLogs::fetch(OutputObjects& objects) {
  ASSIGN_OR_RETURN(const std::vector<LogObject> there, objects.list(std::string(kLogs) + "/"));
  std::vector<LogObject> missing;
  for (const LogObject& object : there) {
    const fs::path path = fs::path(directory_) / object.name;
    std::error_code error;
    if (!plain_components(object.name) || fs::exists(fs::symlink_status(path, error))) continue;
    fs::create_directories(path.parent_path(), error);
    const std::ofstream made(path, std::ios::binary);  // also one that is empty
    missing.push_back(object);
  }
  return objects.read(missing, [&](std::size_t index, std::string&& bytes) -> Status {
    const std::string path = directory_ + "/" + missing[index].name;
    std::ofstream file(path, std::ios::binary | std::ios::app);
    if (file.write(bytes.data(), static_cast<std::streamsize>(bytes.size())).flush()) return {};
    return Error{ErrorCode::kIo, fmt::format("cannot write '{}'", path)};
  });
}

}  // namespace parallelrun::orchestrator
