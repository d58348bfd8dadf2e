#include "runner/job/code_watch.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <utility>

#include "common/hash/sha256.h"
#include "common/result/try.h"
#include "runner/job/code_hash.h"

namespace parallelrun {
namespace {

// The clock of file systems ticks coarsely: two writes within a tick leave the same time.
constexpr std::chrono::milliseconds kTick{50};

std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

std::optional<CodeWatch::Stamp> CodeWatch::stamp_of(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return Stamp{status.st_dev, status.st_ino, S_ISDIR(status.st_mode) ? 0 : status.st_size,
               nanoseconds(status.st_mtim), nanoseconds(status.st_ctim)};
}

// Stamps before digests: what is written in between shows as a change the next time.
Status CodeWatch::look() {
  SourceListing listing;
  if (job_.source_directory.empty()) {
    listing.files.push_back({std::filesystem::path(job_.script).filename().string(), job_.script, true});
  } else {
    Result<SourceListing> listed = list_source(source_options(job_));
    if (!listed) return listed.error();
    listing = std::move(*listed);
  }
  std::map<std::string, Stamp> stamps;
  CodeFiles files;
  for (const std::string& directory : listing.directories) {
    if (const auto stamp = stamp_of(directory)) stamps[directory] = *stamp;
  }
  for (const SourceListing::File& file : listing.files) {
    if (!file.code && file.path != job_.script) continue;
    const std::string name = printable_name(file.name);
    const auto stamp = stamp_of(file.path);
    if (stamp) stamps[file.path] = *stamp;
    const auto before = stamps_.find(file.path);
    const auto known = now_.find(name);
    if (!doubtful_ && stamp && before != stamps_.end() && before->second == *stamp && known != now_.end()) {
      files.insert(*known);
      continue;
    }
    Result<std::string> digest = sha256_of_file(file.path);
    if (!digest) return digest.error();
    files.emplace(name, std::move(*digest));
  }
  now_ = std::move(files);
  stamps_ = std::move(stamps);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const std::int64_t edge = std::chrono::duration_cast<std::chrono::nanoseconds>(now - kTick).count();
  doubtful_ = false;
  for (const auto& [path, stamp] : stamps_) doubtful_ = doubtful_ || stamp.changed_ns > edge;
  return {};
}

Result<CodeWatch> CodeWatch::begin(const ResolvedJob& job) {
  CodeWatch watch(job);
  RETURN_IF_ERROR(watch.look());
  watch.first_ = watch.now_;
  if (!job.code_hash.empty() && code_hash(watch.now_) != job.code_hash) {
    return Error{ErrorCode::kConflict, watch.words(""), false};
  }
  return watch;
}

bool CodeWatch::unchanged() const {
  for (const auto& [path, stamp] : stamps_) {
    if (stamp_of(path) != stamp) return false;
  }
  return !doubtful_;
}

std::optional<std::string> CodeWatch::change() {
  if (unchanged()) return std::nullopt;
  if (Status looked = look(); !looked) return words(looked.error().message);
  if (const auto difference = code_difference(first_, now_)) return words(*difference);
  return std::nullopt;
}

std::string CodeWatch::words(const std::string& difference) const {
  const std::string& place = job_.source_directory.empty() ? job_.script : job_.source_directory;
  return fmt::format(
      "the code in '{}' changed while the job ran{}{}. A new process would run another version, so no "
      "process starts any more. Restore the code and start the same job again: it goes on from what is "
      "committed. For the new code, start with --overwrite or another output directory. If the script itself "
      "writes these files, name them in a .parallelrunignore in the source directory",
      place, difference.empty() ? "" : ": ", difference);
}

}  // namespace parallelrun
