#include "runner/orchestrator/server/job_files.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "common/result/try.h"
#include "common/text/counted.h"
#include "common/text/presentable.h"
#include "runner/output/failed_items.h"
#include "runner/output/journal.h"
#include "runner/output/staged_rows.h"
#include "runner/output/state_files.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun::orchestrator {
namespace {

constexpr const char* kRunPath = ".parallelrun/run";
constexpr std::uint64_t kLongestRun = 1024;
constexpr std::uint64_t kLargestState = std::uint64_t{64} << 20U;

}  // namespace

Result<std::unique_ptr<JobFiles>> JobFiles::open(const ResolvedJob& job, Options options) {
  // output.overwrite is there at every restart in a pod, too: what a running job loses is for its user to
  // hear of. parallelrun run gives the option at the start only.
  const auto overwrite = options.overwrite           ? OutputDirectory::Overwrite::kAlsoDamaged
                         : job.spec.output.overwrite ? OutputDirectory::Overwrite::kAnotherJob
                                                     : OutputDirectory::Overwrite::kNothing;
  std::unique_ptr<JobFiles> files(new JobFiles(job, std::move(options)));
  ASSIGN_OR_RETURN(files->directory_, OutputDirectory::open(job, overwrite, files->options_.lease));
  return files;
}

Status JobFiles::take_up() {
  Status taken = recover();
  if (taken) {
    if (complete() && overwrites() && !may_reuse())
      return begin_anew("allowReuse is false, and the job was complete");
    return taken;
  }
  const Error& error = taken.error();
  const bool damaged = error.code == ErrorCode::kCorrupt || error.code == ErrorCode::kConflict;
  return options_.overwrite && damaged ? begin_anew(error.message) : taken;
}

bool JobFiles::untouched() const {
  std::vector<std::string> paths = {kJournalPath, kSuccessPath, kFailedItemsPath};
  if (job_.spec.output_action == OutputAction::kAppendRow) paths.push_back(job_.spec.append_row_file_name);
  const auto is_there = [this](const std::string& path) {
    std::error_code error;
    const auto type = std::filesystem::symlink_status(directory_->path() + "/" + path, error).type();
    return type != std::filesystem::file_type::not_found;
  };
  return !directory_->taken_over() && std::none_of(paths.begin(), paths.end(), is_there);
}

Status JobFiles::adopt(const std::function<Status(Storage&, const std::string&)>& fill) {
  RETURN_IF_ERROR(
      directory_->fill(job_, [this, &fill] { return fill(storage(), directory_->fingerprint()); }));
  Status taken = recover();
  if (taken && (!complete() || verdict_))
    taken = Error{ErrorCode::kCorrupt, "they are not complete, or today's thresholds do not let them stand"};
  if (taken) return {};
  RETURN_IF_ERROR(clear_away());
  return taken;
}

Status JobFiles::write_result(const nlohmann::json& result) {
  return write_atomically(
      storage(), kResultPath,
      without_credentials(result.dump(1, ' ', false, nlohmann::json::error_handler_t::replace)) + "\n");
}

Status JobFiles::take_over(const std::function<Status(Storage&)>& plan,
                           const std::function<Status(Committer&)>& commit) {
  return directory_->fill(job_, [&]() -> Status {
    Status done = plan(storage());
    if (done) done = recover();
    if (done) done = commit(*committer_);
    close();
    return done;
  });
}

Status JobFiles::write_state(const std::string& path, const nlohmann::json& json) {
  return write_atomically(storage(), path,
                          json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

std::optional<nlohmann::json> JobFiles::read_state(const std::string& path) const {
  const Result<bool> there = storage().exists(path);
  if (!there || !*there) return std::nullopt;
  const Result<std::string> text = read_whole(storage(), path, kLargestState);
  if (!text) return std::nullopt;
  nlohmann::json json = nlohmann::json::parse(*text, nullptr, false);
  return json.is_object() ? std::optional(std::move(json)) : std::nullopt;
}

void JobFiles::close() {
  row_check_.reset();
  committer_.reset();
  planning_.reset();
  recovered_ = {};
  verdict_.reset();
}

Status JobFiles::clear_away() {
  close();
  return directory_->begin_anew(job_);
}

Status JobFiles::begin_anew(const std::string& why) {
  RETURN_IF_ERROR(clear_away());
  begun_anew_ = "--overwrite: the job begins anew, because " + why;
  return recover();
}

Status JobFiles::recover() {
  const bool fresh_files = directory_->taken_over();
  if (fresh_files) RETURN_IF_ERROR(Committer::pass_by(storage()));
  ASSIGN_OR_RETURN(planning_, Planning::open(storage(), directory_->plan_file(), fresh_files, job_));
  Committer::Options options;
  if (job_.spec.output_action == OutputAction::kAppendRow) {
    const bool staged = is_staged(job_.spec.output);
    options.output_file = staged ? kStagedRowsPath : job_.spec.append_row_file_name;
    if (staged) options.sealed_file = job_.spec.append_row_file_name;
  }
  options.rows = row_file_maker(job_.spec.output);
  options.fingerprint = directory_->fingerprint();
  options.fresh_files = fresh_files;
  options.checked = options_.checked;
  options.reopen = [this](const RecoveredJob& found) { return reopens(found); };
  ASSIGN_OR_RETURN(Committer::Opened opened, Committer::open(storage(), *planning_, options));
  committer_ = std::move(opened.committer);
  recovered_ = std::move(opened.job);
  if (complete()) {
    if (!reopens(recovered_)) return {};
    if (!options_.retry_failed) return judge_again();
  }
  RETURN_IF_ERROR(committer_->start(recovered_, planning_->found().mini_batches, options_.retry_failed));
  ASSIGN_OR_RETURN(row_check_, committer_->row_check());
  directory_->settled();
  return {};
}

Status JobFiles::judge_again() {
  JobResult result = result_of_complete();
  const auto over = exceeded_now(recovered_);
  result.state = JobState::kFailed;
  result.reason = over->reason;
  result.message = "the job was complete, but it is compared with its thresholds again: " + over->message;
  if (recovered_.ledger.any_failed()) {
    result.message += "; start the same job again to try the failed mini-batches again";
  }
  RETURN_IF_ERROR(committer_->revise(result));
  verdict_ = std::move(result);
  directory_->settled();
  return {};
}

// Whether what is complete may stand for this run.
bool JobFiles::may_reuse() const { return job_.spec.allow_reuse || same_run(); }

// A complete job is judged again by the thresholds of today.
std::optional<Exceeded> JobFiles::exceeded_now(const RecoveredJob& job) const {
  if (!may_reuse()) return std::nullopt;
  return exceeded(thresholds_of(job_.spec), job.ledger.counts(), job.ledger.finished(), true);
}

bool JobFiles::reopens(const RecoveredJob& job) const {
  return (options_.retry_failed && job.ledger.any_failed()) || exceeded_now(job).has_value();
}

JobResult JobFiles::result_of_complete() const {
  JobResult result;
  result.first_errors = recovered_.first_errors;
  result.progress.counts = recovered_.ledger.counts();
  result.progress.planned = recovered_.ledger.finished();
  result.progress.items_total =
      recovered_.ledger.counts().items_succeeded + recovered_.ledger.counts().items_failed;
  result.progress.plan_complete = true;
  return result;
}

Result<JobResult> JobFiles::complete_result() const {
  if (!may_reuse()) {
    return Error{ErrorCode::kConflict,
                 fmt::format("'{}' already has the complete results of this job, and allowReuse is false; "
                             "give --overwrite to replace them, or choose another output directory",
                             directory_->shown()),
                 false};
  }
  JobResult result = result_of_complete();
  result.message = fmt::format("'{}' already has the complete results of this job: {}, nothing to do",
                               directory_->shown(), counted(result.progress.planned, "mini-batch"));
  if (recovered_.ledger.any_failed()) {
    result.message += options_.retry_failed ? "" : "; to try the failed ones again, use --retry-failed";
  } else if (options_.retry_failed) {
    result.message += "; no mini-batch has failed, so there is nothing to try again";
  }
  return result;
}

Status JobFiles::record_run() { return write_atomically(storage(), kRunPath, options_.run + "\n"); }

bool JobFiles::same_run() const {
  const Result<std::string> found = read_whole(storage(), kRunPath, kLongestRun);
  return !options_.run.empty() && found.ok() && *found == options_.run + "\n";
}

std::optional<Error> JobFiles::lost() const {
  const Status ours = storage().still_ours();
  if (ours || ours.error().code == ErrorCode::kIo) return std::nullopt;
  return ours.error();
}

void JobFiles::remove_groups() {
  if (job_.spec.partition_keys.empty() || lost()) return;
  std::error_code ignored;
  std::filesystem::remove_all(directory_->path() + "/.parallelrun/groups", ignored);
}

Status JobFiles::publish(std::optional<JobState> state) {
  OutputStore* const store = directory_->store();
  if (store == nullptr) return {};
  if (!state || *state == JobState::kInterrupted) return store->publish_logs();
  OutputStore::Published what;
  if (job_.spec.output_action == OutputAction::kAppendRow)
    what.files.push_back(job_.spec.append_row_file_name);
  what.files.emplace_back(kFailedItemsPath);
  what.complete = *state == JobState::kComplete;
  return store->publish(what);
}

bool JobFiles::end_planning(std::chrono::milliseconds patience) {
  if (!planning_->ends_within(patience)) return false;
  planning_.reset();
  return true;
}

}  // namespace parallelrun::orchestrator
