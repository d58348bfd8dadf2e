#include "runner/orchestrator/server/output_directory.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>
#include <vector>

#include "runner/job/identity.h"
#include "runner/orchestrator/disk_storage.h"
#include "runner/orchestrator/server/store_check.h"
#include "runner/orchestrator/storage.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun::orchestrator {
namespace {

namespace fs = std::filesystem;

constexpr const char* kState = ".parallelrun";
constexpr const char* kJob = ".parallelrun/job.json";
constexpr std::uint64_t kLargestJobFile = 64U << 20U;
constexpr std::size_t kDifferencesNamed = 10;

Error conflict(std::string message) { return Error{ErrorCode::kConflict, std::move(message), false}; }

std::string output_file_of(const ResolvedJob& job) {
  return job.spec.output_action == OutputAction::kAppendRow ? job.spec.append_row_file_name : std::string();
}

// Whether `name` may be a file of ours in the output directory: job.json could have been tampered with.
bool plain_name(const std::string& name) {
  return !name.empty() && name.find('/') == std::string::npos && name != "." && name != ".." &&
         name != kState && name != "logs";
}

struct Identity {
  std::string fingerprint;
  nlohmann::json settings;
  std::string output_file;
  std::vector<std::string> clearing;  // output files of earlier jobs that are being removed; empty: none
};

nlohmann::json to_json(const Identity& identity, const std::string& name) {
  return {{"version", 1},
          {"name", name},
          {"fingerprint", identity.fingerprint},
          {"settings", identity.settings},
          {"outputFile", identity.output_file},
          {"clearing", identity.clearing}};
}

Result<Identity> identity_from(const std::string& text, const std::string& path) {
  const nlohmann::json document = nlohmann::json::parse(text, nullptr, false);
  Identity identity;
  try {
    identity.fingerprint = document.at("fingerprint").get<std::string>();
    identity.settings = document.at("settings");
    identity.output_file = document.at("outputFile").get<std::string>();
    identity.clearing = document.at("clearing").get<std::vector<std::string>>();
  } catch (const nlohmann::json::exception& e) {
    return Error{
        ErrorCode::kCorrupt,
        fmt::format(
            "'{}' is damaged ({}), so it cannot be told whose results these are; move the directory away "
            "or choose another output directory",
            path, e.what()),
        false};
  }
  return identity;
}

Status remove_tree(const std::string& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error)
    return Error{ErrorCode::kIo, fmt::format("'{}' cannot be removed: {}", path, error.message()), false};
  return {};
}

// The files of an earlier job and nothing else. job.json and the lock stay: the first already says what is
// being done here, so that an end in the middle is gone on with.
Status clear(Storage& storage, const std::string& directory, const std::vector<std::string>& output_files) {
  std::vector<std::string> ours = {"_SUCCESS", "failed_items.jsonl", "logs"};
  for (const std::string& name : output_files) {
    if (plain_name(name)) ours.push_back(name);
  }
  for (const std::string& name : ours) {
    if (Status s = storage.still_ours(); !s) return s;
    if (Status s = remove_tree(directory + "/" + name); !s) return s;
  }
  std::error_code error;
  std::vector<fs::path> state;
  for (const auto& entry : fs::directory_iterator(directory + "/" + kState, error))
    state.push_back(entry.path());
  if (error)
    return Error{ErrorCode::kIo,
                 fmt::format("'{}/{}' cannot be listed: {}", directory, kState, error.message()), false};
  for (const fs::path& path : state) {
    if (path.filename() == "lock" || path.filename() == "job.json") continue;
    if (Status s = storage.still_ours(); !s) return s;
    if (Status s = remove_tree(path.string()); !s) return s;
  }
  return {};
}

// Whether an earlier job has left no row and no failed item: one whose script did not load, say, or whose
// glob matched nothing. With `summary_only` the script writes by itself, and nothing can be told from the
// files.
bool left_nothing(const std::string& directory, const std::string& output_file) {
  if (!plain_name(output_file)) return false;
  std::error_code error;
  if (fs::exists(fs::symlink_status(directory + "/_SUCCESS", error))) return false;
  for (const std::string& name : {output_file, std::string("failed_items.jsonl")}) {
    const fs::path path = directory + "/" + name;
    const fs::file_status status = fs::symlink_status(path, error);
    if (status.type() == fs::file_type::not_found) continue;
    if (!fs::is_regular_file(status) || fs::file_size(path, error) != 0 || error) return false;
  }
  return true;
}

// A file with a name that we need, in a directory that no job of ours has used.
Status refuse_foreign_files(const std::string& directory, const std::string& output_file) {
  for (const std::string& name : {output_file, std::string("failed_items.jsonl"), std::string("_SUCCESS")}) {
    std::error_code error;
    if (name.empty() || !fs::exists(fs::symlink_status(directory + "/" + name, error))) continue;
    return conflict(fmt::format(
        "'{}/{}' exists and is not from a ParallelRunJob; it is left alone. Move it away, or choose "
        "another output directory{}",
        directory, name, name == output_file ? " or appendRowFileName" : ""));
  }
  return {};
}

std::string named(const std::vector<std::string>& differences) {
  std::string text;
  for (std::size_t i = 0; i < differences.size() && i < kDifferencesNamed; ++i) {
    text += (i == 0 ? "" : "; ") + differences[i];
  }
  if (differences.size() > kDifferencesNamed)
    text += fmt::format("; and {} more", differences.size() - kDifferencesNamed);
  return text;
}

}  // namespace

Result<std::unique_ptr<OutputDirectory>> OutputDirectory::open(const ResolvedJob& job, bool overwrite,
                                                               const std::string& lease) {
  const std::string& path = job.output_directory;
  std::error_code error;
  fs::create_directories(path, error);
  if (error || !fs::is_directory(path, error)) {
    return Error{
        ErrorCode::kInvalidArgument,
        fmt::format("output directory '{}' cannot be made: {}; choose another one, in a place that can be "
                    "written",
                    path, error ? error.message() : "it is a file"),
        false};
  }
  const std::string state = path + "/" + kState;
  if (mkdir(state.c_str(), 0777) != 0 && errno != EEXIST) {
    const int number = errno;
    return Error{
        number == ENOSPC || number == EDQUOT ? ErrorCode::kNoSpace : ErrorCode::kInvalidArgument,
        fmt::format("output directory '{}' cannot be written to: {}; make it writable, or choose another one",
                    path, std::strerror(number)),
        false};
  }
  Result<DirectoryLock> lock = DirectoryLock::take(path, lease);
  if (!lock) return lock.error();
  std::unique_ptr<OutputDirectory> directory(new OutputDirectory(path, std::move(lock).value()));
  if (Status s = check_store(state); !s) return s.error();
  if (Status s = directory->claim(job, overwrite); !s) return s.error();
  return directory;
}

Status OutputDirectory::claim(const ResolvedJob& job, bool overwrite) {
  DiskStorage storage(fs::path(path_), lock_.descriptor());
  Identity ours;
  ours.settings = identifying_settings(job);
  ours.fingerprint = parallelrun::fingerprint(ours.settings);
  ours.output_file = output_file_of(job);
  fingerprint_ = ours.fingerprint;
  const auto write = [&] {
    return write_atomically(storage, kJob, to_json(ours, job.spec.name).dump(2) + "\n");
  };

  const Result<bool> claimed = storage.exists(kJob);
  if (!claimed) return claimed.error();
  if (!claimed.value()) {
    if (Status s = refuse_foreign_files(path_, ours.output_file); !s) return s;
    return write();
  }
  const Result<std::string> text = read_whole(storage, kJob, kLargestJobFile);
  if (!text) return text.error();
  Result<Identity> found = identity_from(text.value(), path_ + "/" + kJob);
  if (!found && !overwrite) return found.error();
  const std::vector<std::string> differences =
      found ? differing_settings(found->settings, job) : std::vector<std::string>();
  // The settings speak for the fingerprint only where it is theirs, which another version's may not be.
  const bool same =
      found && differences.empty() && found->fingerprint == parallelrun::fingerprint(found->settings);
  if (same && found->clearing.empty()) {
    // What was recorded at the first start stays in force: the journal's header holds it, and files that
    // the script wrote beside itself are no reason to record anew.
    fingerprint_ = found->fingerprint;
    return {};
  }
  // The first thing that happens to a new job is a mistake that is mended: there is nothing to protect then.
  const bool in_the_way = !found || !left_nothing(path_, found->output_file);
  if (!same && !overwrite && in_the_way) {
    return conflict(
        fmt::format("'{}' holds the results of another job ({}); choose another output directory, or give "
                    "--overwrite (output.overwrite: true) to replace them",
                    path_, differences.empty() ? "made by another version" : named(differences)));
  }

  if (found) ours.clearing = found->clearing;
  if (found) ours.clearing.push_back(found->output_file.empty() ? "_SUCCESS" : found->output_file);
  if (!found) ours.clearing.emplace_back("_SUCCESS");
  // A file of the new name that the earlier job did not write is somebody else's.
  bool earlier_ours = ours.output_file.empty();
  for (const std::string& name : ours.clearing) earlier_ours = earlier_ours || name == ours.output_file;
  std::error_code ignored;
  if (!earlier_ours && fs::exists(fs::symlink_status(path_ + "/" + ours.output_file, ignored))) {
    return refuse_foreign_files(path_, ours.output_file);
  }
  if (Status s = write(); !s) return s;
  if (Status s = clear(storage, path_, ours.clearing); !s) return s;
  ours.clearing.clear();
  return write();
}

}  // namespace parallelrun::orchestrator
