#include "runner/job/run_index.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <system_error>
#include <utility>

#include "common/hash/sha256.h"
#include "common/json/compact_text.h"
#include "common/json/members.h"
#include "common/posix/environment.h"
#include "common/posix/whole_file.h"
#include "common/result/try.h"
#include "common/text/presentable.h"

namespace parallelrun {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t kNameDigits = 16;
constexpr std::uintmax_t kLargestEntry = std::uintmax_t{32} << 20U;  // settings name every file of the code
constexpr std::string_view kEnding = ".json";
constexpr const char* kOff = "off";

Error io_error(const std::string& path, const char* what, int number) {
  const bool full = number == ENOSPC || number == EDQUOT;
  return Error{full ? ErrorCode::kNoSpace : ErrorCode::kIo,
               fmt::format("'{}' cannot be {}: {}", path, what, std::strerror(number))};
}

std::string start_of(const std::string& digest) { return digest.substr(0, kNameDigits); }
// What the names of an output directory's entries end in.
std::string ending_of(const std::string& output) {
  return "-" + start_of(sha256_hex(output)) + std::string(kEnding);
}

json to_json(const FinishedRun& run) {
  json document = {{"version", 1},
                   {"output", run.output},
                   {"name", run.name},
                   {"finished", run.finished},
                   {"settings", run.settings},
                   {"identity", run.identity},
                   {"contents", run.contents},
                   {"journal", run.journal}};
  document["check"] = sha256_hex(compact_text(document));
  return document;
}

std::optional<FinishedRun> run_from(json document) {
  const std::string check = text_at(document, "check");
  if (!document.is_object() || check.empty()) return std::nullopt;
  document.erase("check");
  if (sha256_hex(compact_text(document)) != check || document.value("version", json()) != 1)
    return std::nullopt;
  FinishedRun run{text_at(document, "output"),   text_at(document, "name"),
                  text_at(document, "finished"), object_at(document, "settings"),
                  text_at(document, "identity"), text_at(document, "contents"),
                  text_at(document, "journal")};
  if (!run.output.starts_with('/')) return std::nullopt;
  return run;
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

std::string FinishedRun::key() const { return sha256_hex(compact_text(settings)); }
std::string FinishedRun::fingerprint() const { return sha256_hex(key() + contents); }

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
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return io_error(directory, "made", errno);
  struct stat info{};
  if (::stat(directory.c_str(), &info) != 0) return io_error(directory, "read", errno);
  if (!S_ISDIR(info.st_mode)) return io_error(directory, "read", ENOTDIR);
  if (info.st_uid != ::geteuid() || (info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return Error{ErrorCode::kConflict,
                 fmt::format("'{}' belongs to somebody else, or others may write there; make it yours alone "
                             "(chmod 700), or set PARALLELRUN_RUN_INDEX to another directory",
                             directory)};
  }
  if (::access(directory.c_str(), R_OK | W_OK | X_OK) != 0) return io_error(directory, "used", errno);
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
    const std::uintmax_t size = fs::file_size(path, error);
    std::ifstream file(path, std::ios::binary);
    std::optional<FinishedRun> run;
    if (!error && size <= kLargestEntry && file) {
      const std::string text(std::istreambuf_iterator<char>(file), {});
      run = run_from(json::parse(text, nullptr, false));
    }
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

Status RunIndex::add(const FinishedRun& run) const {
  const std::string ending = ending_of(run.output);
  const std::string own = start_of(run.key()) + ending;
  const std::string entry = directory_ + "/" + own;
  if (const int error = write_whole_file(entry, compact_text(to_json(run)) + "\n", {.durable_name = false}))
    return io_error(entry, "written", error);
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

void RunIndex::forget(const std::string& output) const {
  const std::string ending = ending_of(output);
  for (const std::string& name : names()) {
    if (name.ends_with(ending)) remove(directory_ + "/" + name);
  }
}

}  // namespace parallelrun
