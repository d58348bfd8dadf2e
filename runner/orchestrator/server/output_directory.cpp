#include "runner/orchestrator/server/output_directory.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "common/json/json.h"
#include "common/result/try.h"
#include "common/spec/dataset_use.h"
#include "common/text/first_of.h"
#include "runner/job/identity.h"
#include "runner/orchestrator/server/store_check.h"
#include "runner/output/begin_anew.h"
#include "runner/output/disk_storage.h"
#include "runner/output/journal.h"
#include "runner/output/staged_rows.h"
#include "runner/output/storage.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun::orchestrator {

struct OutputDirectory::Identity {
  std::string name;  // for people
  std::string fingerprint;
  nlohmann::json settings;
  nlohmann::json datasets = nlohmann::json::object();  // that the job began with
  std::string output_file;
  std::vector<std::string> clearing;  // output files of earlier jobs that are being removed; empty: none
};

namespace {

namespace fs = std::filesystem;

constexpr const char* kState = ".parallelrun";
constexpr const char* kJob = ".parallelrun/job.json";
constexpr std::uint64_t kLargestJobFile = 64U << 20U;
constexpr std::size_t kDifferencesNamed = 10;

Error conflict(std::string message) { return Error{ErrorCode::kConflict, std::move(message), false}; }

// Whether `name` may be a file of ours in the output directory: job.json could have been tampered with.
bool plain_name(const std::string& name) {
  return !name.empty() && name.find('/') == std::string::npos && name != "." && name != ".." &&
         name != kState && name != "logs";
}

using Identity = OutputDirectory::Identity;

Identity expected_identity(const ResolvedJob& job) {
  Identity identity;
  identity.name = job.spec.name;
  identity.settings = identifying_settings(job);
  identity.fingerprint = fingerprint(identity.settings);
  identity.datasets = datasets_to_record(job.spec);
  if (job.spec.output_action == OutputAction::kAppendRow)
    identity.output_file = job.spec.append_row_file_name;
  return identity;
}

nlohmann::json to_json(const Identity& identity) {
  return {{"version", 1},
          {"name", identity.name},
          {"fingerprint", identity.fingerprint},
          {"settings", identity.settings},
          {"datasets", identity.datasets},
          {"outputFile", identity.output_file},
          {"clearing", identity.clearing}};
}

Result<Identity> identity_from(const std::string& text, const std::string& path) {
  const auto damaged = [&path](const char* what) {
    return Error{
        ErrorCode::kCorrupt,
        fmt::format(
            "'{}' is damaged ({}), so nobody knows which job has written these results; restore it, or {}",
            path, what, kBeginAnew),
        false};
  };
  const nlohmann::json document = nlohmann::json::parse(text, nullptr, false);
  if (document.is_discarded()) return damaged("it is not JSON, or its end is missing");
  Identity identity;
  try {
    identity.fingerprint = document.at("fingerprint").get<std::string>();
    identity.settings = document.at("settings").get<nlohmann::json::object_t>();
    identity.output_file = document.at("outputFile").get<std::string>();
    identity.clearing = document.at("clearing").get<std::vector<std::string>>();
  } catch (const nlohmann::json::exception&) {
    return damaged("a member is missing or has the wrong type");
  }
  return identity;
}

// Whether the journal says that it is of the job with this fingerprint, and so of the output file that is
// part of it.
Result<bool> has_journal_of(Storage& storage, const std::string& fingerprint) {
  const Result<bool> exists = storage.exists(kJournalPath);
  if (!exists) return exists.error();
  if (!*exists) return false;
  auto journal = storage.open(kJournalPath);
  if (!journal) return journal.error();
  return is_journal_of(*journal.value(), fingerprint);
}

// The files of an earlier job and nothing else. job.json and the lock stay: the first already says what is
// being done here, so that an end in the middle is gone on with.
Status clear(Storage& storage, const std::string& directory, const std::vector<std::string>& output_files) {
  std::vector<std::string> ours = {"_SUCCESS", "failed_items.jsonl", "logs"};
  for (const std::string& name : output_files) {
    if (plain_name(name)) ours.push_back(name);
  }
  for (const std::string& name : ours) {
    RETURN_IF_ERROR(storage.still_ours());
    RETURN_IF_ERROR(storage.remove_tree(name));
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
    RETURN_IF_ERROR(storage.still_ours());
    RETURN_IF_ERROR(storage.remove_tree(std::string(kState) + "/" + path.filename().string()));
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
  for (const std::string& name :
       {output_file, std::string(kStagedRowsPath), std::string("failed_items.jsonl")}) {
    const fs::path path = directory + "/" + name;
    const fs::file_status status = fs::symlink_status(path, error);
    if (status.type() == fs::file_type::not_found) continue;
    if (!fs::is_regular_file(status) || fs::file_size(path, error) != 0 || error) return false;
  }
  return true;
}

// What lies in the output directory under a name of ours must lie there itself: a link would lead our writes
// to wherever whoever made it wanted.
Status refuse_links(const ResolvedJob& job) {
  std::vector<std::string> names = {kState, "logs", "failed_items.jsonl", "_SUCCESS"};
  if (job.spec.output_action == OutputAction::kAppendRow) names.push_back(job.spec.append_row_file_name);
  for (const std::string& name : names) {
    std::error_code error;
    const std::string path = job.output_directory + "/" + name;
    const fs::file_type type = fs::symlink_status(path, error).type();
    const bool folder = name == kState || name == "logs";
    if (type == fs::file_type::symlink) {
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("'{}' is a symbolic link, but a job does not write through links; remove the "
                               "link, or choose another output directory",
                               path),
                   false};
    }
    if (folder && type != fs::file_type::not_found && type != fs::file_type::directory &&
        type != fs::file_type::none) {
      return Error{
          ErrorCode::kInvalidArgument,
          fmt::format("'{}' is not a directory; remove it, or choose another output directory", path), false};
    }
  }
  return {};
}

// State of an earlier version, or of a generous umask. Where the folder belongs to somebody else, that is his
// to decide.
void keep_others_out(const std::string& state) {
  std::error_code ignored;
  fs::permissions(state, fs::perms::group_all | fs::perms::others_all,
                  fs::perm_options::remove | fs::perm_options::nofollow, ignored);
}

Status write_identity(Storage& storage, const Identity& identity) {
  return write_atomically(storage, kJob, to_json(identity).dump(2) + "\n");
}

}  // namespace

Result<std::unique_ptr<OutputDirectory>> OutputDirectory::open(const ResolvedJob& job, Overwrite overwrite,
                                                               const std::string& lease) {
  const std::string& path = job.output_directory;
  std::error_code error;
  fs::create_directories(path, error);
  if (error || !fs::is_directory(path, error)) {
    return Error{
        ErrorCode::kInvalidArgument,
        fmt::format(
            "output directory '{}' cannot be made: {}; choose another one, in a place where you may write",
            path, error ? error.message() : "it is a file"),
        false};
  }
  const std::string state = path + "/" + kState;
  RETURN_IF_ERROR(refuse_links(job));
  if (mkdir(state.c_str(), 0700) != 0 && errno != EEXIST) {
    const int number = errno;
    return Error{
        number == ENOSPC || number == EDQUOT ? ErrorCode::kNoSpace : ErrorCode::kInvalidArgument,
        fmt::format("output directory '{}' cannot be written to: {}; make it writable, or choose another one",
                    path, std::strerror(number)),
        false};
  }
  keep_others_out(state);
  Result<DirectoryLock> lock = DirectoryLock::take(path, lease);
  if (!lock) return lock.error();
  std::unique_ptr<OutputDirectory> directory(new OutputDirectory(path, std::move(lock).value()));
  RETURN_IF_ERROR(check_store(state));
  if (job.spec.output.source.store.is_object()) {
    ASSIGN_OR_RETURN(directory->store_,
                     OutputStore::open(job, *directory->disk_, lease, overwrite == Overwrite::kAlsoDamaged));
  }
  Status claimed = directory->claim(job, overwrite);
  if (claimed) claimed = directory->claim_store();
  // Whose job it is was decided by what is no longer there. Nobody changes it again: it is ours by now.
  if (std::exchange(directory->decide_again_, false)) {
    claimed = directory->claim(job, overwrite);
    if (claimed) claimed = directory->claim_store();
  }
  if (!claimed) return claimed.error();
  return directory;
}

// Of another orchestrator that had begun a job there meanwhile, which may be another job.
Status OutputDirectory::claim_store() {
  if (!store_) return {};
  const auto job = [this]() -> Result<std::string> {
    ASSIGN_OR_RETURN(const bool there, disk_->exists(kJob));
    return there ? read_whole(*disk_, kJob, kLargestJobFile) : Result<std::string>("");
  };
  const Result<std::string> before = job();
  RETURN_IF_ERROR(store_->claim());
  const Result<std::string> now = job();
  if (before.ok() == now.ok() && (!now.ok() || *before == *now)) return {};
  decide_again_ = true;
  return conflict(fmt::format("'{}' was begun anew at this moment; start again", shown()));
}

// A file with a name that we need, in a directory that no job of ours has used.
Status OutputDirectory::refuse_foreign_files(const std::string& output_file) const {
  for (const std::string& name : {output_file, std::string("failed_items.jsonl"), std::string("_SUCCESS")}) {
    if (name.empty()) continue;
    ASSIGN_OR_RETURN(const bool there, disk_->exists(name));
    bool in_store = false;
    if (store_ && !there) {
      ASSIGN_OR_RETURN(in_store, store_->has(name));
    }
    if (!there && !in_store) continue;
    return conflict(
        fmt::format("'{}/{}' exists and no ParallelRunJob wrote it, so it is not touched. Move it away, or "
                    "choose another output directory{}",
                    shown(), name, name == output_file ? " or appendRowFileName" : ""));
  }
  return {};
}

// Clears the files of earlier jobs away, `earlier` being their output files, and makes the directory this
// job's.
Status OutputDirectory::replace(Identity ours, const std::vector<std::string>& earlier) {
  // A file of the new name that no earlier job wrote is somebody else's.
  const bool known = std::find(earlier.begin(), earlier.end(), ours.output_file) != earlier.end();
  if (!known && !ours.output_file.empty()) {
    ASSIGN_OR_RETURN(bool there, disk_->exists(ours.output_file));
    if (store_ && !there) {
      ASSIGN_OR_RETURN(there, store_->has(ours.output_file));
    }
    if (there) return refuse_foreign_files(ours.output_file);
  }
  RETURN_IF_ERROR(claim_store());
  ours.clearing = earlier;
  ours.clearing.emplace_back("_SUCCESS");  // something is being cleared, whatever the earlier job wrote
  RETURN_IF_ERROR(write_identity(storage(), ours));
  RETURN_IF_ERROR(clear(storage(), path_, ours.clearing));
  ours.clearing.clear();
  return write_identity(storage(), ours);
}

Status OutputDirectory::claim(const ResolvedJob& job, Overwrite overwrite) {
  Storage& storage = this->storage();
  const Identity ours = expected_identity(job);
  fingerprint_ = ours.fingerprint;
  const Result<bool> claimed = storage.exists(kJob);
  if (!claimed) return claimed.error();
  const bool damaged_too = overwrite == Overwrite::kAlsoDamaged;
  Result<bool> left_by_us = damaged_too ? has_journal_of(storage, ours.fingerprint) : Result<bool>(false);
  if (!left_by_us) return left_by_us.error();
  if (!claimed.value()) {
    if (*left_by_us) return replace(ours, {ours.output_file});
    RETURN_IF_ERROR(refuse_foreign_files(ours.output_file));
    RETURN_IF_ERROR(claim_store());
    return write_identity(storage, ours);
  }
  const Result<std::string> text = read_whole(storage, kJob, kLargestJobFile);
  if (!text) return text.error();
  const Result<Identity> found = identity_from(text.value(), shown() + "/" + kJob);
  if (!found) {
    if (!damaged_too) return found.error();
    return replace(ours,
                   *left_by_us ? std::vector<std::string>{ours.output_file} : std::vector<std::string>());
  }
  const std::vector<std::string> differences = differing_settings(found->settings, job);
  // The settings speak for the fingerprint only where it is theirs, which another version's may not be.
  const bool same = differences.empty() && found->fingerprint == parallelrun::fingerprint(found->settings);
  if (same && found->clearing.empty()) {
    // What was recorded at the first start stays in force: the journal's header holds it, and files that
    // the script wrote beside itself are no reason to record anew.
    fingerprint_ = found->fingerprint;
    changed_beside_code_ = parallelrun::changed_beside_code(found->settings, job);
    return {};
  }
  // The first thing that happens to a new job is a mistake that is mended: there is nothing to protect then.
  if (!same && overwrite == Overwrite::kNothing && !left_nothing(path_, found->output_file)) {
    return conflict(
        fmt::format("'{}' holds the results of another job ({}); choose another output directory, or give "
                    "--overwrite (output.overwrite: true) to replace them",
                    shown(),
                    differences.empty() ? "another version of the runner made it"
                                        : first_of(differences, kDifferencesNamed, Joined::kClauses)));
  }
  std::vector<std::string> earlier = found->clearing;
  earlier.push_back(found->output_file);
  return replace(ours, earlier);
}

Status OutputDirectory::fill(const ResolvedJob& job, const std::function<Status()>& fill) {
  Storage& storage = this->storage();
  Identity ours = expected_identity(job);
  fingerprint_ = ours.fingerprint;
  // As long as that stands there, the next start clears what was filled in.
  ours.clearing = {ours.output_file, "_SUCCESS"};
  RETURN_IF_ERROR(write_identity(storage, ours));
  Status filled = fill();
  if (!filled) RETURN_IF_ERROR(clear(storage, path_, ours.clearing));
  ours.clearing.clear();
  RETURN_IF_ERROR(write_identity(storage, ours));
  return filled;
}

Status OutputDirectory::begin_anew(const ResolvedJob& job) {
  const Identity ours = expected_identity(job);
  fingerprint_ = ours.fingerprint;
  return replace(ours, {ours.output_file});
}

}  // namespace parallelrun::orchestrator
