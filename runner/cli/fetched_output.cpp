#include "runner/cli/fetched_output.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "common/json/compact_text.h"
#include "common/json/json.h"
#include "common/json/members.h"
#include "common/posix/file_descriptor.h"
#include "common/posix/write_all.h"
#include "common/result/try.h"
#include "common/spec/problems.h"
#include "common/text/counted.h"
#include "common/text/first_of.h"
#include "common/text/presentable.h"
#include "runner/cli/shown.h"
#include "runner/output/commit_log.h"
#include "runner/output/disk_storage.h"
#include "runner/report/job_report.h"
#include "runner/web/output_folder.h"

namespace parallelrun {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMostOfFile = std::uint64_t{4} << 30U;  // what goes through a pod's log at all
constexpr std::uint64_t kFirstPiece = std::uint64_t{256} << 10U;
constexpr std::uint64_t kLargestPiece = std::uint64_t{16} << 20U;
constexpr std::uint64_t kComparedEnd = 4096;  // bytes by which a log that has grown is known again
constexpr std::uint64_t kWorthTelling = std::uint64_t{1} << 20U;
constexpr std::uint64_t kMostOfState = std::uint64_t{64} << 20U;
constexpr std::size_t kMostOddNames = 3;
constexpr int kMostRaces = 5;  // with a job that replaces what is read

Error cannot_make(const std::string& path, int error) {
  return {error == ENOSPC || error == EDQUOT ? ErrorCode::kNoSpace : ErrorCode::kIo,
          fmt::format("cannot write '{}': {}", presentable(path), std::strerror(error)), false};
}

Status make_folder_of(const std::string& path) {
  std::error_code error;
  fs::create_directories(fs::path(path).parent_path(), error);
  return error ? Status(cannot_make(path, error.value())) : Status();
}

// What a job of the store has published is not needed to know its plan.
class WithoutPublished final : public LogStore {
 public:
  explicit WithoutPublished(LogStore& store) : store_(store) {}

  Result<bool> create(const std::string&, std::string_view) override { return refused(); }
  Status put(const std::string&, std::string_view) override { return refused(); }
  Result<std::vector<LogObject>> list(const std::string& folder) override { return store_.list(folder); }
  Status read(const std::vector<LogObject>& objects,
              const std::function<Status(std::size_t, std::string&&)>& take) override {
    const bool of_log = std::all_of(objects.begin(), objects.end(), [](const LogObject& object) {
      return object.name.starts_with(kLogFolder) || object.name.starts_with(kSegmentFolder);
    });
    return of_log ? store_.read(objects, take) : Status();
  }
  Status remove(const std::vector<std::string>&) override { return refused(); }
  Status remove_tree(const std::string&) override { return refused(); }

 private:
  static Error refused() { return {ErrorCode::kIo, "the output is only read here", false}; }
  LogStore& store_;
};

// Whoever holds the output is a process of another pod: its number says nothing of the processes here.
std::string lock_of_pod(const std::string& bytes) {
  nlohmann::json lock = nlohmann::json::parse(bytes, nullptr, false);
  if (!lock.is_object()) return bytes;
  lock["host"] = "the pod " + text_at(lock, "host");
  return compact_text(lock) + "\n";
}

}  // namespace

// A file that gets its name with finish(): readers see the one before it, or all of this one.
class FetchedOutput::NewFile {
 public:
  static Result<NewFile> make(const std::string& path) {
    RETURN_IF_ERROR(make_folder_of(path));
    NewFile file;
    file.path_ = path;
    file.fd_ = FileDescriptor(::open(file.aside().c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!file.fd_) return cannot_make(file.aside(), errno);
    return file;
  }

  Status append(std::string_view bytes) const {
    const int error = write_all(fd_.get(), bytes);
    return error == 0 ? Status() : Status(cannot_make(path_, error));
  }
  Status write_at(std::uint64_t offset, std::string_view bytes) const {
    if (::lseek(fd_.get(), static_cast<off_t>(offset), SEEK_SET) < 0) return cannot_make(path_, errno);
    return append(bytes);
  }
  Status resize(std::uint64_t size) const {
    return ::ftruncate(fd_.get(), static_cast<off_t>(size)) == 0 ? Status()
                                                                 : Status(cannot_make(path_, errno));
  }
  Status finish() const {
    return ::rename(aside().c_str(), path_.c_str()) == 0 ? Status() : Status(cannot_make(path_, errno));
  }

 private:
  NewFile() = default;
  std::string aside() const { return path_ + ".parallelrun-partial"; }
  std::string path_;
  FileDescriptor fd_;
};

Status FetchedOutput::fetch(const std::vector<std::string>& words) {
  OutputNames names;
  RETURN_IF_ERROR(fetch_state());
  RETURN_IF_ERROR(fetch_names(names));
  const WantedFiles wanted = wanted_files(words, names);
  if (wanted.state_of_work) RETURN_IF_ERROR(replay_log());
  for (const WantedFile& file : wanted.files) RETURN_IF_ERROR(fetch_file(file));
  tell(wanted.files.size() + (wanted.state_of_work ? 1 : 0), names.at_work);
  return {};
}

void FetchedOutput::tell(std::size_t files, bool at_work) {
  if (fetched_ >= kWorthTelling)
    notes_.push_back(fmt::format("{} of {} fetched from {}", short_size(fetched_),
                                 counted(std::max<std::size_t>(files, 1), "object"), presentable(address_)));
  if (at_work && files > 0)
    notes_.emplace_back(
        "the job is at work: it puts its logs into the store once a minute, and its overview every 5 "
        "seconds");
}

Status FetchedOutput::prepare_state(std::vector<NewFile>& files) {
  for (const std::string& name : state_file_names()) {
    ASSIGN_OR_RETURN(const auto object, objects_.facts(name));
    if (!object) continue;
    if (object->size > kMostOfState)
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("{}/{} has {}, but a job writes at most {} there: something else has replaced "
                               "it; fetch the output with credentials of your own, and name its folder",
                               presentable(address_), presentable(name), short_size(object->size),
                               short_size(kMostOfState)),
                   false};
    ASSIGN_OR_RETURN(const std::string bytes, part_of(*object, 0, object->size));
    ASSIGN_OR_RETURN(NewFile file, NewFile::make(path_of(name)));
    RETURN_IF_ERROR(file.append(name == kLockPath ? lock_of_pod(bytes) : bytes));
    files.push_back(std::move(file));
  }
  return {};
}

Status FetchedOutput::fetch_state() {
  for (int race = 0;; ++race) {
    std::vector<NewFile> files;
    Status prepared = prepare_state(files);
    // A job that is at work replaces them.
    if (!prepared && (prepared.error().code != ErrorCode::kCorrupt || race == kMostRaces)) return prepared;
    if (!prepared) continue;
    for (const NewFile& file : files) RETURN_IF_ERROR(file.finish());
    return {};
  }
}

Status FetchedOutput::make_stand_in(const LogObject& object) const {
  ASSIGN_OR_RETURN(const NewFile file, NewFile::make(path_of(object.name)));
  RETURN_IF_ERROR(file.resize(object.size));
  return file.finish();
}

// Their sizes alone are listed, so files that are nothing but their size stand for them. Whoever may write
// into the store may have put anything there.
Status FetchedOutput::fetch_names(OutputNames& names) {
  ASSIGN_OR_RETURN(const std::vector<LogObject> there, objects_.list(kLogs));
  const auto& state = state_file_names();
  std::vector<std::string> all;
  for (const LogObject& object : there) all.push_back(object.name);
  std::sort(all.begin(), all.end());
  // What stands before other names as their folder gives way to them.
  const auto is_folder = [&all](const std::string& name) {
    const auto inside = std::lower_bound(all.begin(), all.end(), name + "/");
    return inside != all.end() && inside->starts_with(name + "/");
  };
  std::vector<std::string> no_files;
  for (const LogObject& object : there) {
    const std::string name = object.name.substr(std::min(std::strlen(kLogs), object.name.size()));
    if (!object.name.starts_with(kLogs) || (object.name.ends_with('/') && object.size == 0)) continue;
    if (web::is_path_within(name) && !is_folder(object.name)) {
      const bool is_state = std::find(state.begin(), state.end(), object.name) != state.end();
      const Status made = is_state ? Status() : make_stand_in(object);
      if (made) {
        names.logs.push_back({name, object.size});
        continue;
      }
      if (made.error().code == ErrorCode::kNoSpace) return made;
    }
    no_files.push_back(in_quotes(object.name));
  }
  if (!no_files.empty())
    notes_.push_back(fmt::format("{} in {} cannot be a file of a log and {} left out: {}",
                                 counted(no_files.size(), "object"), presentable(address_),
                                 no_files.size() == 1 ? "is" : "are",
                                 first_of(no_files, kMostOddNames, Joined::kNames)));
  std::sort(names.logs.begin(), names.logs.end(),
            [](const report::LogFile& a, const report::LogFile& b) { return a.name < b.name; });
  const auto job = report::report_of(directory_);
  if (!job) return {};  // the verb says so
  names.output_file = web::is_path_within(job->output_file) ? job->output_file : "";
  names.format = job->format;
  names.rows_in_log = !report::has_ended(job->state);
  names.at_work = report::at_work(job->state);
  return {};
}

Status FetchedOutput::fetch_file(const WantedFile& file) {
  for (int race = 0;; ++race) {
    ASSIGN_OR_RETURN(const auto object, objects_.facts(file.name));
    if (!object) return {};  // the verb finds no such file
    const Status fetched = fetch_object(*object, file.amount);
    if (fetched && file.follow) followed_[file.name] = *object;
    // A job that is at work replaces its logs.
    if (fetched || fetched.error().code != ErrorCode::kCorrupt || race == kMostRaces) return fetched;
  }
}

Status FetchedOutput::fetch_object(const LogObject& object, const Amount& amount) {
  switch (amount.kind) {
    case Amount::Kind::kFirstLines:
      return fetch_first_lines(object, amount.number);
    case Amount::Kind::kLastLines:
      return fetch_last_lines(object, amount.number);
    case Amount::Kind::kBytes:
      return fetch_bytes(object, amount);
    case Amount::Kind::kAll:
      break;
  }
  return fetch_all(object);
}

Result<std::string> FetchedOutput::part_of(const LogObject& object, std::uint64_t begin, std::uint64_t end) {
  std::string bytes;
  RETURN_IF_ERROR(objects_.read_part(object, {begin, end - begin}, [&](std::string&& piece) -> Status {
    fetched_ += piece.size();
    bytes += piece;
    return {};
  }));
  return bytes;
}

Error FetchedOutput::too_large(const std::string& what, std::uint64_t size) const {
  return {ErrorCode::kInvalidArgument,
          fmt::format("{}/{} has {}, and at most {} of a file are fetched for a look; fetch it with "
                      "credentials of your own",
                      presentable(address_), presentable(what), short_size(size), short_size(kMostOfFile)),
          false};
}

Status FetchedOutput::fetch_all(const LogObject& object) {
  if (object.size > kMostOfFile) return too_large(object.name, object.size);
  ASSIGN_OR_RETURN(const NewFile file, NewFile::make(path_of(object.name)));
  RETURN_IF_ERROR(objects_.read_part(object, {0, object.size}, [&](std::string&& piece) {
    fetched_ += piece.size();
    return file.append(piece);
  }));
  return file.finish();
}

Status FetchedOutput::fetch_first_lines(const LogObject& object, std::uint64_t lines) {
  ASSIGN_OR_RETURN(const NewFile file, NewFile::make(path_of(object.name)));
  std::uint64_t piece = kFirstPiece;
  for (std::uint64_t at = 0, seen = 0; at < object.size && seen < lines;) {
    const std::uint64_t end = std::min(object.size, at + piece);
    ASSIGN_OR_RETURN(const std::string bytes, part_of(object, at, end));
    RETURN_IF_ERROR(file.append(bytes));
    seen += static_cast<std::uint64_t>(std::count(bytes.begin(), bytes.end(), '\n'));
    at = end;
    if (at > kMostOfFile && seen < lines) return too_large(object.name, object.size);
    piece = std::min(kLargestPiece, piece * 2);
  }
  return file.finish();
}

Status FetchedOutput::fetch_last_lines(const LogObject& object, std::uint64_t lines) {
  ASSIGN_OR_RETURN(const NewFile file, NewFile::make(path_of(object.name)));
  RETURN_IF_ERROR(file.resize(object.size));
  std::uint64_t piece = kFirstPiece;
  // The line break at the end begins none, and the one before the first line tells where that begins.
  for (std::uint64_t at = object.size, seen = 0; at > 0 && seen <= lines + 1;) {
    const std::uint64_t begin = at - std::min(at, piece);
    ASSIGN_OR_RETURN(const std::string bytes, part_of(object, begin, at));
    RETURN_IF_ERROR(file.write_at(begin, bytes));
    seen += static_cast<std::uint64_t>(std::count(bytes.begin(), bytes.end(), '\n'));
    at = begin;
    piece = std::min(kLargestPiece, piece * 2);
  }
  return file.finish();
}

Status FetchedOutput::fetch_bytes(const LogObject& object, const Amount& amount) {
  const auto size = static_cast<std::int64_t>(object.size);
  const std::int64_t from = amount.offset < 0 ? size + amount.offset : amount.offset;
  const auto begin = static_cast<std::uint64_t>(std::clamp<std::int64_t>(from, 0, size));
  const std::uint64_t number = std::min({amount.number, object.size - begin, kMostOfFile});
  ASSIGN_OR_RETURN(const NewFile file, NewFile::make(path_of(object.name)));
  RETURN_IF_ERROR(file.resize(object.size));
  if (number > 0) {
    std::uint64_t at = begin;
    const auto take = [&](std::string&& piece) {
      const Status written = file.write_at(at, piece);
      at += piece.size();
      fetched_ += piece.size();
      return written;
    };
    RETURN_IF_ERROR(objects_.read_part(object, {begin, number}, take));
  }
  return file.finish();
}

// The files of a job at work, and the plan of every job, are in the log of its output alone.
Status FetchedOutput::replay_log() {
  WithoutPublished store(objects_);
  ASSIGN_OR_RETURN(const bool there, CommitLog::exists(store));
  if (!there) return {};  // nothing is committed yet
  std::uint64_t size = 0;
  for (const char* folder : {kSegmentFolder, kLogFolder}) {
    ASSIGN_OR_RETURN(const std::vector<LogObject> objects, store.list(folder));
    for (const LogObject& object : objects) size += object.size;
  }
  if (size > kMostOfFile) return too_large(kSegmentFolder, size);
  const std::string scratch = directory_ + "/.replayed";
  std::error_code error;
  const auto clear = [&]() -> Status {
    fs::remove_all(scratch, error);
    if (!error) fs::create_directories(scratch, error);
    return error ? Status(cannot_make(scratch, error.value())) : Status();
  };
  RETURN_IF_ERROR(clear());
  DiskStorage local(scratch);
  CommitLog::Options options;
  options.token = "look";  // nothing is made by it
  const auto log = CommitLog::open(store, local, clear, std::move(options));
  if (!log) return log.error();
  std::vector<fs::path> files;
  for (fs::recursive_directory_iterator entry(scratch, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->symlink_status(error).type() == fs::file_type::regular) files.push_back(entry->path());
  }
  for (const fs::path& file : files) {
    const std::string path = path_of(file.lexically_relative(scratch).string());
    fetched_ += fs::file_size(file, error);
    if (fs::exists(path, error)) continue;  // what was put there by name is newer, or the same
    RETURN_IF_ERROR(make_folder_of(path));
    fs::rename(file, path, error);
  }
  if (error) return cannot_make(scratch, error.value());
  fs::remove_all(scratch, error);
  return {};
}

// Appends what is behind the first `known` bytes where these are as they were, and else fetches all anew.
Status FetchedOutput::fetch_rest(const LogObject& object, std::uint64_t known) {
  const std::string path = path_of(object.name);
  const std::uint64_t compared = std::min(known, kComparedEnd);
  const FileDescriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  std::string before(compared, '\0');
  const bool readable =
      file && ::pread(file.get(), before.data(), compared, static_cast<off_t>(known - compared)) ==
                  static_cast<ssize_t>(compared);
  if (!readable || object.size < known) return fetch_all(object);
  ASSIGN_OR_RETURN(const std::string bytes, part_of(object, known - compared, object.size));
  if (!bytes.starts_with(before)) return fetch_all(object);
  if (::lseek(file.get(), 0, SEEK_END) < 0) return cannot_make(path, errno);
  const int error = write_all(file.get(), std::string_view(bytes).substr(compared));
  return error == 0 ? Status() : Status(cannot_make(path, error));
}

void FetchedOutput::go_on() {
  // What says that the job has ended is read first and seen last: then the logs are the last ones.
  std::vector<NewFile> state;
  if (!prepare_state(state)) return;
  for (auto& [name, known] : followed_) {
    const auto now = objects_.facts(name);
    if (!now) return;
    if (!*now || (*now)->version == known.version) continue;
    if (!fetch_rest(**now, known.size)) return;
    known = **now;
  }
  for (const NewFile& file : state) {
    if (!file.finish()) return;
  }
}

}  // namespace parallelrun
