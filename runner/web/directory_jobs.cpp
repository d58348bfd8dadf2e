#include "runner/web/directory_jobs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <utility>

#include "common/hash/sha256.h"
#include "common/json/members.h"
#include "common/posix/read_error.h"
#include "common/text/presentable.h"
#include "runner/web/output_answers.h"

namespace parallelrun::web {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr std::size_t kMostGone = 1000;
constexpr std::size_t kMostUnread = 100;
constexpr std::chrono::milliseconds kBetweenWalks{2000};
// Of the time: a walk is not begun again before so many times of what the last one took.
constexpr int kRest = 100;
// How often a job at work is read at most; its orchestrator writes its progress once a second.
constexpr std::chrono::milliseconds kBetweenReads{900};
constexpr std::size_t kDigitsOfId = 24;

std::uint64_t stamp_of(const std::string& path) {
  struct stat status{};
  if (fstatat(AT_FDCWD, path.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return 0;
  const auto mix = [](std::uint64_t seed, std::uint64_t value) {
    return (seed ^ value) * 0x9E3779B97F4A7C15ULL + (seed >> 29U);
  };
  std::uint64_t stamp = mix(1, status.st_ino);
  stamp = mix(stamp, static_cast<std::uint64_t>(status.st_size));
  stamp = mix(stamp, static_cast<std::uint64_t>(status.st_mtim.tv_sec));
  stamp = mix(stamp, static_cast<std::uint64_t>(status.st_mtim.tv_nsec));
  // What a bare chmod changes.
  stamp = mix(stamp, static_cast<std::uint64_t>(status.st_ctim.tv_sec));
  stamp = mix(stamp, static_cast<std::uint64_t>(status.st_ctim.tv_nsec));
  return stamp | 1U;
}

std::array<std::uint64_t, 4> stamps_of(const std::string& directory) {
  return {stamp_of(directory + "/.parallelrun/job.json"), stamp_of(directory + "/.parallelrun/lock"),
          stamp_of(directory + "/.parallelrun/result.json"), stamp_of(directory + "/logs/sys/progress.json")};
}

std::string id_of(const std::string& path) { return "d" + sha256_hex(path).substr(0, kDigitsOfId); }

}  // namespace

ordered_json job_line(const std::string& id, const report::JobReport& report, const std::string& directory) {
  ordered_json line = {{"id", id},
                       {"world", "directory"},
                       {"name", report.name},
                       {"directory", directory},
                       {"state", report::to_string(report.state)},
                       {"reason", report.reason},
                       {"message", report.message}};
  const nlohmann::json& progress = report.progress;
  for (const char* name : {"started", "updated"}) {
    if (const std::string time = text_at(progress, name); !time.empty()) line[name] = time;
  }
  for (const char* name : {"elapsedSeconds", "timeLeftSeconds"}) {
    const auto found = progress.find(name);
    if (found != progress.end() && found->is_number()) line[name] = *found;
  }
  ordered_json& figures = line["progress"] = ordered_json::object();
  for (const auto& [name, value] : progress.items()) {
    if (!line.contains(name) && (value.is_number() || value.is_boolean())) figures[name] = value;
  }
  return line;
}

DirectoryJobs::DirectoryJobs(Options options) : options_(std::move(options)), roots_(options_.roots) {}

std::vector<std::string> DirectoryJobs::roots() const {
  const std::lock_guard lock(mutex_);
  return roots_;
}

std::string DirectoryJobs::show(const std::string& output) {
  const std::lock_guard lock(mutex_);
  std::string id = id_of(output);
  walk();
  if (jobs_.contains(id)) return id;
  roots_.push_back(output);
  walk_root(output);
  return id;
}

JobLines DirectoryJobs::all() {
  const std::lock_guard lock(mutex_);
  walk_if_due(kBetweenReads);
  JobLines lines;
  lines.jobs.reserve(jobs_.size());
  std::vector<std::pair<std::string_view, const std::pair<const std::string, Known>*>> in_order;
  std::vector<std::string> paths;
  paths.reserve(jobs_.size());
  for (const auto& entry : jobs_) {
    paths.push_back(entry.second.place.path());
    in_order.emplace_back(paths.back(), &entry);
  }
  std::sort(in_order.begin(), in_order.end());
  lines.unread = unread_;
  for (const auto& [path, entry] : in_order) {
    const Known& known = entry->second;
    if (!known.text.empty()) lines.jobs.push_back({entry->first, known.text});
    if (known.text.empty() && lines.unread.size() < kMostUnread) lines.unread.push_back(known.unread);
  }
  return lines;
}

Changes DirectoryJobs::changes(std::uint64_t since, const std::vector<std::string>& watched) {
  const std::lock_guard lock(mutex_);
  if (since > 0) {
    const auto before = walked_;
    walk_if_due(kBetweenWalks);
    if (walked_ == before) {
      // Those that may change by themselves. Whoever starts again is found by the next walk.
      std::vector<std::string> ids = watched;
      for (const auto& [id, known] : jobs_)
        if (known.at_work) ids.push_back(id);
      for (const std::string& id : ids) {
        const auto found = jobs_.find(id);
        if (found != jobs_.end() && !look_after(id, found->second)) remove(id);
      }
    }
  }
  Changes changes;
  changes.version = version_;
  if (since == 0) return changes;
  changes.unread = unread_version_ > since;
  for (const auto& [id, known] : jobs_)
    if (known.changed > since && !known.text.empty()) changes.changed.push_back({id, known.text});
  for (const auto& [id, known] : jobs_)
    if (known.changed > since && known.text.empty())
      changes.gone.push_back(id);  // it cannot be read any more
  for (const Gone& gone : gone_)
    if (gone.version > since) changes.gone.push_back(gone.id);
  return changes;
}

std::optional<JobPlace> DirectoryJobs::find(const std::string& id) {
  const std::lock_guard lock(mutex_);
  auto found = jobs_.find(id);
  if (found == jobs_.end()) {
    walk_if_due(kBetweenReads);
    found = jobs_.find(id);
  }
  return found == jobs_.end() ? std::nullopt : std::optional(found->second.place);
}

std::vector<JobPlace> DirectoryJobs::named(const std::string& name, const std::string& id) {
  const std::lock_guard lock(mutex_);
  std::vector<JobPlace> places;
  for (const auto& [other, known] : jobs_)
    if (other != id && known.name == name) places.push_back(known.place);
  return places;
}

void DirectoryJobs::forget(const std::string& id) {
  const std::lock_guard lock(mutex_);
  remove(id);
}

void DirectoryJobs::walk_if_due(Clock::duration least_age) {
  const auto age = Clock::now() - walked_;
  if (walks_ > 0 && age < std::max<Clock::duration>(least_age, walk_took_ * kRest)) return;
  walk();
}

void DirectoryJobs::walk() {
  const auto begin = Clock::now();
  ++walks_;
  unread_.clear();
  for (const std::string& root : roots_) walk_root(root);
  std::vector<std::string> not_seen;
  for (const auto& [id, known] : jobs_)
    if (known.walk != walks_) not_seen.push_back(id);
  for (const std::string& id : not_seen) remove(id);
  walked_ = Clock::now();
  walk_took_ = walked_ - begin;
}

void DirectoryJobs::walk_folder(const std::string& root, const std::string& below, int depth) {
  const std::string path = JobPlace{root, below}.path();
  std::error_code error;
  struct stat status{};
  const auto there = [&](const char* name) {
    return fstatat(AT_FDCWD, (path + name).c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
  };
  // One that it may not look into is one all the same, and says so.
  const bool is_output = there("/.parallelrun/job.json") ||
                         (errno == EACCES && (jobs_.contains(id_of(path)) || there("/.parallelrun")));
  if (is_output) return see(root, below);  // results of one job lie in no other one's
  std::vector<std::string> folders;
  fs::directory_iterator entries(path, error);
  const auto cannot_read = [&] {
    if (unread_.size() < kMostUnread)
      unread_.push_back(read_error(fmt::format("'{}'", presentable(path)), error.value()).message);
  };
  if (error) return cannot_read();
  for (; entries != fs::directory_iterator(); entries.increment(error)) {
    if (error) return cannot_read();
    std::error_code gone;
    const std::string name = entries->path().filename().string();
    if (name.starts_with('.') || entries->is_symlink(gone) || !entries->is_directory(gone)) continue;
    folders.push_back(below.empty() ? name : below + "/" + name);
  }
  if (depth == 0) return;
  for (const std::string& folder : folders) walk_folder(root, folder, depth - 1);
}

void DirectoryJobs::walk_root(const std::string& root) {
  const std::size_t unread_before = unread_.size();
  walk_folder(root, "", options_.depth);
  const bool any = std::any_of(jobs_.begin(), jobs_.end(), [&](const auto& entry) {
    return entry.second.walk == walks_ && entry.second.place.root == root;
  });
  if (any || unread_.size() > unread_before) return;
  unread_.push_back(
      fmt::format("'{}': it is no output directory of a job, and none lies at most {} folders below it; name "
                  "the folder that a job's 'output' names, or one above it",
                  presentable(root), options_.depth));
}

void DirectoryJobs::see(const std::string& root, const std::string& below) {
  const std::string path = JobPlace{root, below}.path();
  const std::string id = id_of(path);
  auto found = jobs_.find(id);
  if (found == jobs_.end()) {
    if (jobs_.size() >= options_.most) {
      if (unread_.empty() || !unread_.back().starts_with("there are more"))
        unread_.push_back(fmt::format("there are more than {} jobs; name fewer folders", options_.most));
      return;
    }
    found = jobs_.try_emplace(id).first;
    found->second.place = {root, below};
  }
  found->second.walk = walks_;
  if (!look_after(id, found->second)) remove(id);
}

bool DirectoryJobs::look_after(const std::string& id, Known& known) {
  const auto now = Clock::now();
  if (known.at_work && now - known.read < kBetweenReads) return true;
  const std::string path = known.place.path();
  const Stamps stamps = stamps_of(path);
  const bool same = stamps == known.stamps && known.read != Clock::time_point();
  if (same && !known.at_work) return true;
  known.stamps = stamps;
  known.read = now;
  const auto report = report::report_of(path);
  std::string text;
  const std::string unread_before = std::exchange(known.unread, "");
  if (report) {
    known.at_work = report::at_work(report->state);
    known.name = report->name;
    text = answer_text(job_line(id, *report, path));
  } else {
    known.at_work = false;
    known.unread = presentable(report.error().message);
    if (report.error().code == ErrorCode::kNotFound) return false;
  }
  if (known.unread != unread_before) unread_version_ = ++version_;
  if (text != known.text) {
    known.text = std::move(text);
    known.changed = ++version_;
  }
  return true;
}

void DirectoryJobs::remove(const std::string& id) {
  if (jobs_.erase(id) == 0) return;
  gone_.push_back({id, ++version_});
  if (gone_.size() > kMostGone) gone_.erase(gone_.begin());
}

}  // namespace parallelrun::web
