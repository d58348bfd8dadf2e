#include "runner/orchestrator/server/reuse.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <limits>
#include <system_error>
#include <utility>

#include "common/hash/sha256.h"
#include "common/json/compact_text.h"
#include "common/posix/file_copy.h"
#include "common/posix/file_descriptor.h"
#include "common/result/try.h"
#include "common/text/first_of.h"
#include "common/text/presentable.h"
#include "common/time/rfc3339.h"
#include "runner/input/input_listing.h"
#include "runner/input/store_listing.h"
#include "runner/job/fetched_side_inputs.h"
#include "runner/job/installed_python.h"
#include "runner/job/reuse_settings.h"
#include "runner/job/run_index.h"
#include "runner/job/source_files.h"
#include "runner/job/submission.h"
#include "runner/orchestrator/stored_plan.h"
#include "runner/output/failed_items.h"
#include "runner/output/journal.h"
#include "runner/output/state_files.h"
#include "runner/store/data_connection.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun::orchestrator {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostCompared = 16;  // runs
constexpr std::size_t kDifferencesOfNearest = 10;
constexpr std::uint64_t kMostModules = 100'000;  // files of a folder that modules are imported from
constexpr const char* kNowPath = ".parallelrun/contents.now";
constexpr const char* kForeignJournal = ".parallelrun/journal.reused";
constexpr const char* kMetricsOfRun = "logs/user/metrics.jsonl";
constexpr const char* kOutputOfJob = ".parallelrun/job.json";

constexpr std::string_view kModulesPart = "modules in ";
constexpr const char* kPythonPart = "python3";

// What the agents give to the script, as far as it decides where Python finds its modules.
std::vector<std::string> environment_of(const ResolvedJob& job) {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t sign = text.find('=');
    if (sign != std::string_view::npos) variables[std::string(text.substr(0, sign))] = text.substr(sign + 1);
  }
  for (const auto& [name, value] : job.spec.environment.variables) variables[name] = value;
  std::vector<std::string> list;
  for (const auto& [name, value] : variables) list.push_back(name + "=" + value);
  return list;
}

std::string root_of_place(const std::string& path) {
  std::error_code error;
  return fs::is_directory(path, error) ? path + "/" : path;
}

// `path`: a real one.
bool lies_in(const std::string& path, const std::string& directory) {
  std::error_code error;
  const std::string real = fs::canonical(directory, error).string();
  return !error && (path == real || path.starts_with(real + "/"));
}

Error copy_error(const std::string& path, int number) {
  const bool full = number == ENOSPC || number == EDQUOT;
  return Error{full ? ErrorCode::kNoSpace : ErrorCode::kIo,
               fmt::format("'{}' cannot be copied: {}", path, std::strerror(number))};
}

// A file that is not there is left out where it may be. A pipe in the place of a file is an empty one: nobody
// waits for who writes into it.
Status copy_file(const std::string& from, const std::string& to, bool needed) {
  const FileDescriptor source(::open(from.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!source && errno == ENOENT && !needed) return {};
  if (!source) return copy_error(from, errno);
  const FileDescriptor target(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666));
  if (!target) return copy_error(to, errno);
  if (const int error = copy_bytes(source.get(), target.get(), kWholeFile); error != 0)
    return copy_error(from, error);
  return ::fsync(target.get()) == 0 ? Status() : copy_error(to, errno);
}

Result<std::string> sha256_of(const std::string& path) {
  const FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) return copy_error(path, errno);
  Sha256 digest;
  std::string buffer(std::size_t{1} << 20U, '\0');
  while (true) {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return copy_error(path, errno);
    if (got == 0) return digest.hex_digest();
    digest.update(std::string_view(buffer).substr(0, static_cast<std::size_t>(got)));
  }
}

Error another_one(const std::string& path) {
  return Error{ErrorCode::kConflict, fmt::format("'{}' is not what it was at the end of that run", path)};
}

// A copy of a contents file is whole and ends in that digest.
Status expect_contents(const std::string& path, const std::string& expected) {
  ASSIGN_OR_RETURN(const std::unique_ptr<ContentsReader> reader, ContentsReader::open(path));
  for (ContentPart part;;) {
    ASSIGN_OR_RETURN(const bool more, reader->next_part(part));
    if (!more) break;
  }
  return hex_of(reader->sha256()) == expected ? Status() : another_one(path);
}

// The records of another output directory's journal under our own fingerprint.
Status copy_journal(Storage& storage, const std::string& from, const std::string& their_identity,
                    const std::string& identity) {
  ASSIGN_OR_RETURN(const std::unique_ptr<File> theirs, storage.open(from));
  ASSIGN_OR_RETURN(const std::unique_ptr<JournalWriter> ours, JournalWriter::create(storage, identity));
  ASSIGN_OR_RETURN(
      const JournalEnd end,
      read_journal(*theirs, their_identity, std::numeric_limits<std::uint64_t>::max(),
                   [&ours](JournalRecord&& record, std::uint64_t) { return ours->append_unsynced(record); }));
  if (!end.header_whole || end.torn > 0) return Error{ErrorCode::kCorrupt, "its journal is not whole", false};
  return ours->sync();
}

}  // namespace

Reuse::Reuse(const ResolvedJob& job, Options options, Tell tell)
    : job_(job),
      options_(std::move(options)),
      tell_(std::move(tell)),
      side_inputs_(places_of_side_inputs(job, options_)),
      never_(never_reused(job)),
      // Not made where nothing would ask for them: they name every file of the code.
      settings_((options_.index.empty() && !options_.recorded) || !never_.empty()
                    ? nlohmann::json()
                    : reuse_settings(job, options_.version,
                                     in_pod() ? PlacesCount::kByVolume : PlacesCount::kByPath)) {
  for (const Input& input : job.spec.inputs) {
    if (!input.source.store.is_object())
      roots_[input_part(input.name)] = FileWalk::root_of(job.input_directories.at(input.name));
  }
  for (const auto& [name, path] : side_inputs_) {
    if (!is_fetched(name)) roots_[side_input_part(name)] = root_of_place(path);
  }
  if (options_.pod) {
    auto runs = std::make_unique<NamespaceRuns>(options_.pod->runs);
    namespace_runs_ = runs.get();
    runs_ = std::move(runs);
    return;
  }
  if (options_.index.empty()) {
    explain(
        "there is no index of earlier runs (PARALLELRUN_RUN_INDEX is off, or there is no home directory)");
    return;
  }
  auto index = RunIndex::open(options_.index);
  if (index) {
    runs_ = std::make_unique<RunIndex>(std::move(*index));
  } else {
    tell_("results are neither reused nor kept for later jobs: " + index.error().message, options_.explain);
  }
}

// In a pod the orchestrator has those of volumes at places of its own, and of those in stores a listing.
std::map<std::string, std::string> Reuse::places_of_side_inputs(const ResolvedJob& job,
                                                                const Options& options) {
  if (!options.pod_side_inputs) return job.side_input_directories;
  std::map<std::string, std::string> places = *options.pod_side_inputs;
  for (const SideInput& side : job.spec.side_inputs) {
    if (side.source.store.is_object()) places.emplace(side.name, "");
  }
  return places;
}

void Reuse::explain(const std::string& words) const {
  if (options_.explain) tell_why_not("nothing is reused: " + words, true);
}

void Reuse::tell_why_not(const std::string& words, bool loud) const {
  why_not_ = words;
  tell_(words, loud);
}

std::string Reuse::run_in_words(const FinishedRun& run) const {
  return fmt::format("{} (finished {})", runs_->in_words(run), run.finished);
}

void Reuse::tell_end(nlohmann::json& event) const {
  if (namespace_runs_ == nullptr) return;
  if (!why_not_.empty() && !event.contains("reusedFrom")) event["notReused"] = why_not_;
  if (!namespace_runs_->record().empty()) event["runRecord"] = namespace_runs_->record();
}

// In pods, the Python of scripts counts with the settings: what is taken over by item is held to less. An
// image that is named by its digest is never another one, and cannot be asked from here.
Result<nlohmann::json> Reuse::settings_of_all() const {
  nlohmann::json all = settings_;
  if (!options_.pod || !options_.pod->image.empty()) return all;
  ASSIGN_OR_RETURN(const InstalledPython python, installed_python(environment_of(job_)));
  for (const std::string& folder : python.folders) {
    if (lies_in(folder, job_.source_directory)) continue;  // its files are compared with the code
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("Python finds modules in '{}', and nobody compares them", presentable(folder))};
  }
  all["python"] = python.packages;
  all["python"]["folders"] = python.folders;
  return all;
}

std::string Reuse::why_never() const { return never_.empty() && options_.pod ? options_.pod->never : never_; }

std::string Reuse::root_of(const std::string& part) const {
  if (part.starts_with(kModulesPart)) return root_of_place(part.substr(kModulesPart.size()));
  const auto found = roots_.find(part);
  return found == roots_.end() ? std::string() : found->second;
}

// All that a script may read beside its inputs.
void Reuse::record_surroundings(ContentsRecorder& recorder) const {
  const auto output = identity_of(options_.job_output);
  recorder.note(kSettingsPart, sha256_hex(compact_text(settings_)));
  if (!in_pod()) {
    const auto python = installed_python(environment_of(job_));
    if (!python) return recorder.give_up(python.error());
    recorder.note(kPythonPart, python->packages.dump());
    for (const std::string& folder : python->folders)
      recorder.directory(std::string(kModulesPart) + folder, folder, is_code, output, kMostModules);
  }
  for (const auto& [name, path] : side_inputs_) {
    if (is_fetched(name)) {
      record_objects(recorder, side_input_part(name));
    } else {
      recorder.directory(side_input_part(name), path, {}, output);
    }
  }
}

bool Reuse::is_fetched(const std::string& side_input) const {
  const auto& all = job_.spec.side_inputs;
  return std::any_of(all.begin(), all.end(), [&](const SideInput& side) {
    return side.name == side_input && side.source.store.is_object();
  });
}

// As the data process has fetched them, which knows them by the name of the part: what the store has by now
// does not count. In a pod the orchestrator's has fetched nothing and lists them; compare_fetched() looks
// whether workers have the same.
void Reuse::record_objects(ContentsRecorder& recorder, const std::string& part) {
  StoreListing::Options options;
  options.socket = data_socket();
  if (options.socket.empty())
    return recorder.give_up(
        {ErrorCode::kUnavailable, part + " lies in a store, and nobody here can list it"});
  options.input = part;
  options.all_names = true;
  auto all = StoreListing::open(std::move(options));
  if (!all) return recorder.give_up(all.error());
  const std::unique_ptr<Listing> listing = recorder.listed(part, "", std::move(*all));
  while (true) {
    const auto object = listing->next();
    if (!object) return recorder.give_up(object.error());
    if (!*object) return;
  }
}

Status Reuse::record_now(const std::string& path) const {
  ASSIGN_OR_RETURN(const std::unique_ptr<ContentsRecorder> recorder, ContentsRecorder::create(path));
  record_surroundings(*recorder);
  for (const Input& input : job_.spec.inputs) {
    const auto format = open_format(input, job_.spec.partition_keys);
    const InputPlace place{job_.input_directories.at(input.name), identity_of(options_.job_output),
                           data_socket()};
    ASSIGN_OR_RETURN(std::unique_ptr<Listing> all, open_listing(input, *format, place));
    const std::unique_ptr<Listing> listing =
        recorder->listed(input_part(input.name), root_of(input_part(input.name)), std::move(all));
    while (true) {
      ASSIGN_OR_RETURN(const auto object, listing->next());
      if (!object) break;
    }
  }
  return recorder->finish();
}

std::optional<FinishedRun> Reuse::find() const {
  if (!runs_) return std::nullopt;
  if (!job_.spec.allow_reuse) {
    explain("allowReuse is false");
    return std::nullopt;
  }
  if (const std::string never = why_never(); !never.empty()) {
    explain(never);
    return std::nullopt;
  }
  std::vector<std::string> problems;
  auto settings = settings_of_all();
  if (!settings) {
    explain(settings.error().message);
    return std::nullopt;
  }
  FinishedRun ours;
  ours.settings = std::move(*settings);
  std::vector<FinishedRun> runs = runs_->with_key(ours.key(), problems);
  std::erase_if(runs, [this](const FinishedRun& run) { return run.output == options_.job_output; });
  if (runs.size() > kMostCompared) runs.resize(kMostCompared);
  if (runs.empty()) explain_settings(ours.settings, problems);
  for (const std::string& problem : problems) {
    const std::string warning = "warning: " + problem;
    if (why_not_.empty()) {
      tell_why_not(warning, true);
    } else {
      tell_(warning, true);
    }
  }
  if (runs.empty()) return std::nullopt;
  const std::string now = at(kNowPath);
  std::optional<FinishedRun> found;
  if (const Status recorded = record_now(now); recorded) {
    found = same_contents(runs, now);
  } else {
    tell_why_not("no results are reused, because the inputs cannot be compared: " + recorded.error().message,
                 options_.explain);
  }
  std::error_code ignored;
  fs::remove(now, ignored);
  return found;
}

std::optional<FinishedRun> Reuse::same_contents(const std::vector<FinishedRun>& runs,
                                                const std::string& now) const {
  const FinishedRun* nearest = nullptr;
  ContentDifference least;
  for (const FinishedRun& run : runs) {
    const auto difference = compare_contents(
        run.output + "/" + kContentsPath, now, [this](const std::string& part) { return root_of(part); },
        !options_.explain);
    if (!difference) {
      tell_why_not(
          fmt::format("the results of {} are not reused: {}", run_in_words(run), difference.error().message),
          true);
      runs_->forget(run.output);
      continue;
    }
    if (difference->all() == 0) return run;
    if (nearest != nullptr && difference->all() >= least.all()) continue;
    nearest = &run;
    least = *difference;
  }
  if (nearest != nullptr) {
    // Without --explain it ended at the first difference.
    const std::string words =
        options_.explain ? in_words(least) : fmt::format("{}: {}", least.part, fmt::join(least.first, ", "));
    tell_why_not(fmt::format("nothing is reused: since {}, {}", run_in_words(*nearest), words),
                 options_.explain);
  }
  return std::nullopt;
}

// No run has the same settings: which one has the most of them?
void Reuse::explain_settings(const nlohmann::json& settings, std::vector<std::string>& problems) const {
  if (!options_.explain) return;
  std::optional<FinishedRun> nearest;
  std::vector<std::string> least;
  for (FinishedRun& run : runs_->all(problems)) {
    if (run.output == options_.job_output) continue;
    std::vector<std::string> differences = differing_reuse_settings(run.settings, settings);
    if (nearest && differences.size() >= least.size()) continue;
    nearest = std::move(run);
    least = std::move(differences);
  }
  if (!nearest && problems.empty()) return explain(runs_->none_in_words());
  if (!nearest) return;  // the problems are told
  explain(fmt::format("the nearest run is {}, and this job differs in {}", run_in_words(*nearest),
                      first_of(least, kDifferencesOfNearest, Joined::kClauses)));
}

Status Reuse::copy(const FinishedRun& run, Storage& storage, const std::string& identity) const {
  const auto take = [this, &run](const std::string& path, bool needed) {
    return copy_file(run.output + "/" + path, at(path), needed);
  };
  RETURN_IF_ERROR(copy_file(run.output + "/" + kJournalPath, at(kForeignJournal), true));
  ASSIGN_OR_RETURN(const std::string journal, sha256_of(at(kForeignJournal)));
  if (journal != run.journal) return another_one(run.output + "/" + kJournalPath);
  RETURN_IF_ERROR(take(kContentsPath, true));
  RETURN_IF_ERROR(expect_contents(at(kContentsPath), run.contents));
  RETURN_IF_ERROR(take(kPlanPath, true));
  RETURN_IF_ERROR(take(kTypesPath, false));
  // Whether they hold what the journal says is found out when it is read.
  RETURN_IF_ERROR(take(kFailedItemsPath, false));
  RETURN_IF_ERROR(take(job_.spec.append_row_file_name, false));
  std::error_code error;
  if (fs::exists(run.output + "/" + kMetricsOfRun, error)) {
    fs::create_directories(at("logs/user"), error);
    RETURN_IF_ERROR(take(kMetricsOfRun, true));
  }
  RETURN_IF_ERROR(copy_journal(storage, kForeignJournal, run.identity, identity));
  RETURN_IF_ERROR(storage.remove(kForeignJournal));
  return storage.sync_folder_of(job_.spec.append_row_file_name);
}

void Reuse::forget(const FinishedRun& run) const {
  if (runs_) runs_->forget(run.output);
}

void Reuse::keep_copy(const FinishedRun& run, const std::string& identity) const {
  FinishedRun copy = run;
  copy.output = options_.job_output;
  copy.name = job_.spec.name;
  copy.identity = identity;
  add(std::move(copy));
}

void Reuse::begin_watch() {
  if ((!runs_ && !options_.recorded) || !never_.empty()) return;
  auto recorder = ContentsRecorder::create(at(kContentsPath));
  if (recorder) {
    recorder_ = std::move(*recorder);
  } else {
    untold_ = recorder.error().message;
  }
}

void Reuse::cannot_watch(const std::string& why) {
  if (untold_.empty()) untold_ = why;
  std::error_code ignored;
  fs::remove(at(kContentsPath), ignored);
}

std::unique_ptr<Listing> Reuse::watch(std::size_t input, std::unique_ptr<Listing> listing) {
  if (!std::exchange(surroundings_, true)) record_surroundings(*recorder_);
  const std::string part = input_part(job_.spec.inputs.at(input).name);
  return recorder_->listed(part, root_of(part), std::move(listing));
}

void Reuse::listed() {
  if (const Status whole = recorder_->finish(); !whole) untold_ = whole.error().message;
}

void Reuse::on_fetched(const std::string& who, const std::string& digest) {
  if (!fetches_side_inputs(job_.spec)) return;
  fetched_.try_emplace(digest, who);
  compare_fetched();
}

void Reuse::look_at_fetched() {
  if (in_pod() || !fetches_side_inputs(job_.spec)) return;
  const Result<std::string> digest = fetched_digest(data_socket());
  on_fetched("this machine", digest ? *digest : "");
}

void Reuse::compare_fetched() {
  if (fetched_.empty() || fetched_differ_) return;
  if (recorded_.empty()) {
    auto recorded = recorded_digest(at(kContentsPath), job_.spec);
    if (!recorded) return;  // not yet, or nothing was written down
    recorded_ = std::move(*recorded);
  }
  for (const auto& [digest, who] : fetched_) {
    if (digest == recorded_) continue;
    fetched_differ_ = true;
    const std::string what =
        digest.empty()
            ? fmt::format("it is not known which objects of the side inputs {} has fetched", who)
            : fmt::format(
                  "{} has other objects of the side inputs than the store had when the job began, so "
                  "its rows may differ from those before",
                  who);
    tell_("warning: " + what + "; no later job will reuse the results or take them over", true);
    std::error_code ignored;
    fs::remove(at(kContentsPath), ignored);
    return;
  }
}

// Whether the earlier start that has listed the inputs ran with what this one has. True also where there was
// none.
bool Reuse::began_so() const {
  const auto parts = parts_of_contents(at(kContentsPath));
  if (!parts) return parts.error().code == ErrorCode::kNotFound;
  const std::string settings = sha256_hex(compact_text(settings_));
  return same_python(*parts) && std::any_of(parts->begin(), parts->end(), [&](const ContentPart& part) {
           return part.name == kSettingsPart && part.note == settings;
         });
}

bool Reuse::same_python(const std::vector<ContentPart>& parts) const {
  if (in_pod()) return true;
  const auto python = installed_python(environment_of(job_));
  return python && std::any_of(parts.begin(), parts.end(), [&](const ContentPart& part) {
           return part.name == kPythonPart && part.note == python->packages.dump();
         });
}

bool Reuse::began_alike(const nlohmann::json& settings) const {
  const auto parts = parts_of_contents(at(kContentsPath));
  if (!parts) return parts.error().code == ErrorCode::kNotFound;
  return differing_reuse_settings(settings_of_items(settings), settings_of_items(settings_)).empty() &&
         same_python(*parts);
}

// What the script has written into the output directory beside the runner's own files.
std::string Reuse::foreign_file(const std::string& directory, const std::string& output_file) {
  const std::array<std::string, 5> ours{output_file, kFailedItemsPath, kSuccessPath, "logs", kStatePath};
  std::error_code error;
  for (fs::directory_iterator entries(directory, error), end; !error && entries != end;
       entries.increment(error)) {
    const std::string name = entries->path().filename().string();
    std::error_code ignored;
    // The output of another job, such as that of a resubmission, is not the script's.
    if (fs::exists(entries->path() / kOutputOfJob, ignored)) continue;
    if (std::find(ours.begin(), ours.end(), name) == ours.end()) return name;
  }
  return {};
}

void Reuse::keep(const std::string& identity, bool taken_over) const {
  if (!runs_) return;
  const auto not_kept = [this](const std::string& why) {
    tell_("no later job will reuse these results: " + why, false);
  };
  if (const std::string never = why_never(); !never.empty()) return not_kept(never);
  if (fetched_differ_) return not_kept(kFetchedOtherwise);
  if (!untold_.empty()) return not_kept(untold_);
  if (namespace_runs_ != nullptr && taken_over) return not_kept(kTakenOverInPod);
  if (const std::string name = foreign_file(options_.job_output, job_.spec.append_row_file_name);
      !name.empty()) {
    return not_kept(
        fmt::format("'{}' in the output directory is none of the runner's files, and nobody knows "
                    "whether it is a part of the results",
                    presentable(name)));
  }
  if (!recorder_ && !began_so()) return not_kept(kBegunOtherwise);
  const Result<std::string> contents =
      recorder_ && !recorder_->settled().empty()
          ? recorder_->settled()
          : settle_contents(at(kContentsPath), [this](const std::string& part) { return root_of(part); });
  if (!contents && contents.error().code == ErrorCode::kNotFound) return not_kept(kStoppedWhileListing);
  if (!contents) return not_kept(contents.error().message);
  auto settings = settings_of_all();
  if (!settings) return not_kept(settings.error().message);
  const auto now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  add({options_.job_output,
       job_.spec.name,
       rfc3339_micros(now),
       std::move(*settings),
       identity,
       *contents,
       {}});
}

void Reuse::add(FinishedRun run) const {
  const auto journal = sha256_of(at(kJournalPath));
  const Status added = journal ? Status() : journal.error();
  if (journal) run.journal = *journal;
  const Status kept = added ? runs_->add(run) : added;
  tell_(kept ? "later jobs may reuse these results, fingerprint " + run.fingerprint()
             : "no later job will reuse these results: " + kept.error().message,
        false);
}

}  // namespace parallelrun::orchestrator
