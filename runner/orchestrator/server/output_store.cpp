#include "runner/orchestrator/server/output_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <random>
#include <system_error>
#include <utility>

#include "common/hash/sha256.h"
#include "common/json/json.h"
#include "common/json/members.h"
#include "common/result/try.h"
#include "common/spec/store_sources.h"
#include "runner/orchestrator/server/lock_holder.h"
#include "runner/output/failed_items.h"
#include "runner/output/state_files.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun::orchestrator {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kFirstOverview{1};
constexpr std::chrono::seconds kOverviewEvery{5};
constexpr int kLogsEvery = 12;  // of those
constexpr const char* kStateFolder = ".parallelrun";
// For people, as in a directory: the orchestrators have the log's claims.
constexpr const char* kLockPath = ".parallelrun/lock";
// Of this machine alone.
constexpr const char* kNotInLog[] = {"lock", "groups", "contents"};

std::string random_hex() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

// Two runs on one machine would fence each other; here the second can be told.
Result<FileDescriptor> hold_on_this_machine(const ResolvedJob& job, const std::string& address) {
  const std::string name =
      sha256_hex(identity_of_store(job.spec.output.source.store).dump()).substr(0, 32) + ".lock";
  const fs::path folder = fs::path(job.output_directory).parent_path().parent_path();
  const std::string path = (folder / ("output-" + name)).string();
  FileDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file)
    return Error{ErrorCode::kIo,
                 fmt::format("the lock '{}' cannot be opened: {}", path, std::strerror(errno))};
  if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) return file;
  if (errno != EWOULDBLOCK)
    return Error{ErrorCode::kIo, fmt::format("the lock '{}' cannot be held: {}", path, std::strerror(errno))};
  return Error{
      ErrorCode::kConflict,
      fmt::format("'{}' is in use by another run on this machine; wait for it, stop it, or choose another "
                  "output",
                  address),
      false};
}

}  // namespace

OutputStore::OutputStore(const ResolvedJob& job, DiskStorage& local, const std::string& lease)
    : address_(store_address(job.spec.output.source.store)),
      lease_(lease),
      directory_(job.output_directory),
      output_file_(job.spec.output_action == OutputAction::kAppendRow ? job.spec.append_row_file_name : ""),
      local_(local),
      log_objects_(data_socket()),
      objects_(data_socket()),
      logs_(job.output_directory) {}

OutputStore::~OutputStore() {
  end_logs();
  if (claimed_) log_->release();
}

CommitLog::Options OutputStore::log_options() const {
  CommitLog::Options options;
  options.token = random_hex();
  options.claim = lock_holder(lease_).dump();
  // The next orchestrator of a job goes on with it. Another job of the same spec does so, too, and each pod
  // that is started again would take the output from the other one for ever: so who is passed by ends.
  if (!lease_.empty())
    options.passed_by = [address = address_, ours = lease_](std::string_view claim) -> std::optional<Error> {
      const std::string theirs = text_at(nlohmann::json::parse(claim, nullptr, false), "lease");
      if (theirs.empty() || theirs == ours) return std::nullopt;
      return Error{
          ErrorCode::kConflict,
          fmt::format(
              "the job {} writes to '{}', too, and has taken the output over; give each job an output of "
              "its own",
              theirs, address),
          false};
    };
  return options;
}

Result<std::unique_ptr<OutputStore>> OutputStore::open(const ResolvedJob& job, DiskStorage& local,
                                                       const std::string& lease, bool anew) {
  std::unique_ptr<OutputStore> store(new OutputStore(job, local, lease));
  if (lease.empty()) {
    ASSIGN_OR_RETURN(store->of_machine_, hold_on_this_machine(job, store->address_));
  }
  auto log = CommitLog::open(
      store->log_objects_, local, [it = store.get()] { return it->clear_local(); }, store->log_options());
  if (!log) {
    const ErrorCode code = log.error().code;
    if (!anew || (code != ErrorCode::kCorrupt && code != ErrorCode::kUnsupported)) {
      Error error = log.error();
      error.message = fmt::format("{}: {}", store->address_, error.message);
      return error;
    }
    RETURN_IF_ERROR(store->clear_local());
    log = CommitLog::begin_anew(store->log_objects_, local, store->log_options());
    if (!log) return log.error();
    store->claimed_ = true;
    for (const std::string& name : {std::string(kSuccessPath), store->output_file_,
                                    std::string(kFailedItemsPath), std::string("logs")}) {
      if (!name.empty()) RETURN_IF_ERROR(store->objects_.remove_tree(name));
    }
  }
  store->log_ = std::move(*log);
  store->storage_ = std::make_unique<LoggedStorage>(local, *store->log_, store->objects_);
  return store;
}

// All but the lock, which is held, and the logs, which others write to already.
Status OutputStore::clear_local() const {
  std::error_code error;
  const auto remove_but = [&](const fs::path& folder, std::initializer_list<std::string_view> kept) {
    std::vector<fs::path> paths;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
      const std::string name = entry->path().filename().string();
      if (std::find(kept.begin(), kept.end(), name) == kept.end()) paths.push_back(entry->path());
    }
    for (const fs::path& path : paths) {
      if (!error) fs::remove_all(path, error);
    }
  };
  remove_but(directory_, {kStateFolder, "logs"});
  if (!error) remove_but(fs::path(directory_) / kStateFolder, {"lock"});
  if (!error) return {};
  return Error{ErrorCode::kIo, fmt::format("'{}' cannot be cleared: {}", directory_, error.message())};
}

Result<bool> OutputStore::has(const std::string& name) {
  ASSIGN_OR_RETURN(const std::optional<LogObject> there, objects_.facts(name));
  return there.has_value();
}

Status OutputStore::claim() {
  if (claimed_) return {};
  RETURN_IF_ERROR(log_->claim());
  claimed_ = true;
  const nlohmann::json who = nlohmann::json::parse(log_->predecessor(), nullptr, false);
  if (who.is_object()) {
    passed_by_ = fmt::format(
        "process {} on {}, started {}, had this output and has not said that it has ended; from now on it "
        "commits nothing more",
        count_at(who, "pid"), text_at(who, "host"), text_at(who, "started"));
  }
  return logs_.fetch(objects_);
}

Status OutputStore::tell_holder(bool released) {
  nlohmann::json holder = lock_holder(lease_);
  if (released) holder["released"] = true;
  return objects_.put(kLockPath, holder.dump() + "\n");
}

void OutputStore::begin_logs() {
  [[maybe_unused]] const Status told = tell_holder(false);  // the job does not depend on it
  putting_logs_ = std::thread([this] { put_logs_at_times(); });
}

void OutputStore::put_logs_at_times() {
  OutputObjects objects(data_socket());
  for (int round = 1;; ++round) {
    const bool ends = logs_end_.when_or_at(
        std::chrono::steady_clock::now() + (round == 1 ? kFirstOverview : kOverviewEvery),
        [](bool end) { return end; }, [](bool end) { return end; });
    // A successor's are not to be replaced.
    if (ends || !log_->still_ours()) return;
    // What fails here is put at the end, which says so where that fails, too.
    [[maybe_unused]] const Status put =
        round % kLogsEvery == 0 ? logs_.put_all(objects) : logs_.put_overview(objects);
  }
}

void OutputStore::end_logs() {
  logs_end_.change([](bool& end) { end = true; });
  if (putting_logs_.joinable()) putting_logs_.join();
}

Status OutputStore::publish_logs() {
  end_logs();
  RETURN_IF_ERROR(log_->prove());
  RETURN_IF_ERROR(logs_.put_all(objects_));
  return tell_holder(true);
}

Status OutputStore::publish(const Published& what) {
  end_logs();
  RETURN_IF_ERROR(log_->prove());
  // What is put now must be needed by nobody.
  if (log_->names_published()) {
    ASSIGN_OR_RETURN(const std::vector<std::string> files, state_files());
    RETURN_IF_ERROR(log_->rewrite(files, {}));
  }
  std::vector<OutputObjects::Upload> uploads;
  std::vector<std::string> none;
  for (const std::string& name : what.files) {
    ASSIGN_OR_RETURN(const bool there, local_.exists(name));
    if (there) {
      uploads.push_back({name, directory_ + "/" + name});
    } else {
      none.push_back(name);
    }
  }
  std::map<std::string, LogObject> published;
  RETURN_IF_ERROR(objects_.upload(uploads, [&](std::size_t index, const LogObject& object) -> Status {
    published[uploads[index].name] = object;
    return {};
  }));
  for (const auto& [name, object] : published) {
    ASSIGN_OR_RETURN(const std::unique_ptr<File> file, local_.open(name));
    ASSIGN_OR_RETURN(const std::uint64_t size, file->size());
    if (size == object.size && !object.version.empty()) continue;
    return Error{ErrorCode::kIo,
                 fmt::format("{}/{} was put with {} bytes, but has {}", address_, name, object.size, size)};
  }
  RETURN_IF_ERROR(objects_.remove(none));
  RETURN_IF_ERROR(logs_.put_all(objects_));
  RETURN_IF_ERROR(tell_holder(true));
  // One who was passed by meanwhile must not say that the job is complete.
  RETURN_IF_ERROR(log_->prove());
  if (!what.complete) return {};
  RETURN_IF_ERROR(objects_.put(kSuccessPath, ""));
  ASSIGN_OR_RETURN(const std::vector<std::string> files, state_files());
  return log_->rewrite(files, published);
}

Result<bool> OutputStore::is_published() {
  if (!log_->names_published()) return false;
  return has(kSuccessPath);
}

// What a job needs to go on, or to say that it is complete.
Result<std::vector<std::string>> OutputStore::state_files() const {
  std::vector<std::string> files;
  std::error_code error;
  const auto add = [&](const fs::path& folder, const std::string& below) {
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
      const std::string name = entry->path().filename().string();
      const bool left_out = !below.empty() && std::find(std::begin(kNotInLog), std::end(kNotInLog), name) !=
                                                  std::end(kNotInLog);
      if (!left_out && entry->symlink_status(error).type() == fs::file_type::regular)
        files.push_back(below + name);
    }
  };
  add(directory_, "");
  if (!error) add(fs::path(directory_) / kStateFolder, std::string(kStateFolder) + "/");
  if (error)
    return Error{ErrorCode::kIo, fmt::format("'{}' cannot be listed: {}", directory_, error.message())};
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace parallelrun::orchestrator
