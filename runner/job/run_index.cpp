#include "runner/job/run_index.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "common/hash/sha256.h"
#include "common/posix/environment.h"
#include "common/result/try.h"
#include "common/text/presentable.h"

namespace parallelrun {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kNameDigits = 16;
constexpr std::string_view kEnding = ".json";
constexpr const char* kOff = "off";

std::string start_of(const std::string& digest) { return digest.substr(0, kNameDigits); }
// What the names of an output directory's entries end in.
std::string ending_of(const std::string& output) {
  return "-" + start_of(sha256_hex(output)) + std::string(kEnding);
}

bool is_gone(const std::string& output) {
  std::error_code error;
  return fs::symlink_status(output + "/.parallelrun/journal", error).type() == fs::file_type::not_found;
}

void remove(const std::string& path) {
  std::error_code ignored;
  fs::remove(path, ignored);
}

}  // namespace

std::string RunIndex::directory_of_user() {
  const std::string given = environment_variable("PARALLELRUN_RUN_INDEX");
  if (!given.empty()) return given == kOff ? std::string() : fs::absolute(given).string();
  const std::string state = environment_variable("XDG_STATE_HOME");
  if (state.starts_with('/')) return state + "/parallelrun/runs";
  const std::string home = environment_variable("HOME");
  return home.starts_with('/') ? home + "/.local/state/parallelrun/runs" : std::string();
}

Result<RunIndex> RunIndex::open(std::string directory) {
  std::error_code error;
  fs::create_directories(fs::path(directory).parent_path(), error);
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
    return run_file_error(directory, "made", errno);
  struct stat info{};
  if (::stat(directory.c_str(), &info) != 0) return run_file_error(directory, "read", errno);
  if (!S_ISDIR(info.st_mode)) return run_file_error(directory, "read", ENOTDIR);
  if (info.st_uid != ::geteuid() || (info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return Error{ErrorCode::kConflict,
                 fmt::format("'{}' belongs to somebody else, or others may write there; make it yours alone "
                             "(chmod 700), or set PARALLELRUN_RUN_INDEX to another directory",
                             directory)};
  }
  if (::access(directory.c_str(), R_OK | W_OK | X_OK) != 0) return run_file_error(directory, "used", errno);
  return RunIndex(std::move(directory));
}

std::vector<std::string> RunIndex::names() const {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entries(directory_, error), end; !error && entries != end;
       entries.increment(error)) {
    std::string name = entries->path().filename().string();
    if (name.ends_with(kEnding)) names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<FinishedRun> RunIndex::read(const std::string& prefix, std::vector<std::string>& problems) const {
  std::vector<FinishedRun> runs;
  for (const std::string& name : names()) {
    if (!name.starts_with(prefix)) continue;
    const std::string path = directory_ + "/" + name;
    std::error_code error;
    const auto text = read_run_file(path);
    std::optional<FinishedRun> run = text ? finished_run_from(*text) : std::nullopt;
    // Another process may have removed it by now.
    if (!run && fs::exists(path, error)) {
      problems.push_back(
          fmt::format("'{}' is damaged or cannot be read, so that run is not reused; remove "
                      "the file",
                      presentable(path)));
    }
    if (!run) continue;
    if (is_gone(run->output)) {
      remove(path);
    } else {
      runs.push_back(std::move(*run));
    }
  }
  std::stable_sort(runs.begin(), runs.end(),
                   [](const FinishedRun& a, const FinishedRun& b) { return a.finished > b.finished; });
  return runs;
}

std::vector<FinishedRun> RunIndex::with_key(const std::string& key,
                                            std::vector<std::string>& problems) const {
  std::vector<FinishedRun> runs = read(start_of(key) + "-", problems);
  std::erase_if(runs, [&key](const FinishedRun& run) { return run.key() != key; });
  return runs;
}

std::vector<FinishedRun> RunIndex::all(std::vector<std::string>& problems) const {
  return read("", problems);
}

Status RunIndex::add(const FinishedRun& run) {
  const std::string ending = ending_of(run.output);
  const std::string own = start_of(run.key()) + ending;
  RETURN_IF_ERROR(write_whole(directory_ + "/" + own, text_of(run)));
  std::vector<std::pair<fs::file_time_type, std::string>> by_age;
  for (const std::string& name : names()) {
    const std::string path = directory_ + "/" + name;
    std::error_code error;
    if (name.ends_with(ending) && name != own) {
      remove(path);
    } else {
      by_age.emplace_back(fs::last_write_time(path, error), path);
    }
  }
  if (by_age.size() <= kMost) return {};
  std::sort(by_age.begin(), by_age.end());
  by_age.resize(by_age.size() - kMost);
  for (const auto& [age, path] : by_age) remove(path);
  return {};
}

void RunIndex::forget(const std::string& output) {
  const std::string ending = ending_of(output);
  for (const std::string& name : names()) {
    if (name.ends_with(ending)) remove(directory_ + "/" + name);
  }
}

std::string RunIndex::in_words(const FinishedRun& run) const { return "'" + presentable(run.output) + "'"; }

std::string RunIndex::none_in_words() const { return "there is no earlier run in " + directory_; }

}  // namespace parallelrun
