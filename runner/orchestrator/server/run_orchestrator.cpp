#include "runner/orchestrator/server/run_orchestrator.h"

#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include "common/hash/sha256.h"
#include "common/hash/siphash.h"
#include "common/json/json.h"
#include "common/posix/process_start.h"
#include "common/spec/problems.h"
#include "common/text/counted.h"
#include "runner/job/resolved_job.h"
#include "runner/orchestrator/committer.h"
#include "runner/orchestrator/disk_storage.h"
#include "runner/orchestrator/orchestrator.h"
#include "runner/orchestrator/server/admission.h"
#include "runner/orchestrator/server/commit_thread.h"
#include "runner/orchestrator/server/control_pipe.h"
#include "runner/orchestrator/server/job_events.h"
#include "runner/orchestrator/server/job_logs.h"
#include "runner/orchestrator/server/job_service.h"
#include "runner/orchestrator/server/output_directory.h"
#include "runner/orchestrator/server/planning.h"
#include "runner/orchestrator/server/progress_stream.h"
#include "runner/orchestrator/server/slow_check.h"
#include "runner/protocol/machine_token.h"
#include "runner/protocol/protocol_server.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun {
namespace {

using namespace orchestrator;  // NOLINT(google-build-using-namespace): this file is its main program

enum ExitCode : int { kComplete = 0, kFailed = 1, kRefused = 2, kInterrupted = 130 };

constexpr const char* kRunPath = ".parallelrun/run";
constexpr std::uint64_t kLongestRun = 1024;
constexpr std::chrono::seconds kListingPatience{5};

// The finished event has the same members however far a start came.
nlohmann::json with_places(nlohmann::json event, const ResolvedJob& job,
                           std::chrono::steady_clock::time_point started) {
  const std::string& out = job.output_directory;
  event["durationSeconds"] =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  event["outputDirectory"] = out;
  if (job.spec.output_action == OutputAction::kAppendRow)
    event["output"] = out + "/" + job.spec.append_row_file_name;
  event["failedItems"] = out + "/failed_items.jsonl";
  event["logs"] = out + "/logs";
  return event;
}

const char* name_of_signal(int number) {
  switch (number) {
    case SIGINT:
      return "SIGINT (Ctrl-C)";
    case SIGHUP:
      return "SIGHUP";
    default:
      return "SIGTERM";
  }
}

class Run {
 public:
  explicit Run(const OrchestratorOptions& options)
      : options_(options), started_(std::chrono::steady_clock::now()), progress_(options.progress_fd) {}

  // A thread is held by a volume that does not answer: this object must not be destroyed.
  bool listing_hangs() const { return listing_hangs_; }

  int run() {
    // A launcher that went away must not end the commits.
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);  // a file limit is an error of write(), as a full disk is
    // Boost's signal set would take the place of an inherited "ignore".
    for (const int number : {SIGINT, SIGHUP}) {
      if (!is_ignored(number)) signals_.add(number);
    }
    signals_.async_wait([this](boost::system::error_code error, int number) { on_signal(error, number); });
    if (Status s = read_secret(); !s) return refuse(s.error());
    if (Status s = read_job(); !s) return refuse(s.error());
    // output.overwrite is there at every restart in a pod, too: what a running job loses is for its user to
    // hear of. parallelrun run gives the option at the start only.
    const auto overwrite = options_.overwrite           ? OutputDirectory::Overwrite::kAlsoDamaged
                           : job_.spec.output.overwrite ? OutputDirectory::Overwrite::kAnotherJob
                                                        : OutputDirectory::Overwrite::kNothing;
    auto directory = OutputDirectory::open(job_, overwrite, options_.lease);
    if (!directory) return refuse(directory.error());
    directory_ = std::move(*directory);
    if (Status s = listen(); !s) return refuse(s.error());
    if (Status s = take_up(); !s) return fail(s.error());
    if (verdict_) return end_as(*verdict_);
    if (recovered_.ended == JobState::kComplete) return already_complete();
    if (Status s = record_run(); !s) return fail(s.error());
    begin();
    serve();
    return end();
  }

 private:
  // What this orchestrator and those before and after it in this run know, and nobody else.
  Status read_secret() {
    if (options_.token_fd >= 0) {
      Result<std::string> token = read_token(options_.token_fd);
      if (!token) return token.error();
      secret_ = std::move(*token);
    } else if (options_.tls.any()) {
      std::ifstream key(options_.tls.key, std::ios::binary);
      secret_.assign(std::istreambuf_iterator<char>(key), {});
    }
    const Result<std::string> random = random_token();
    if (!random) return random.error();
    session_key_ = key_from(*random);
    return {};
  }

  Admission admission() const {
    if (options_.token_fd >= 0) return Admission::by_token(secret_);
    return options_.tls.any() ? Admission::by_certificate() : Admission::open();
  }

  static SipKey key_from(const std::string& text) {
    const std::string digest = sha256_hex(text);
    return {std::stoull(digest.substr(0, 16), nullptr, 16), std::stoull(digest.substr(16, 16), nullptr, 16)};
  }

  Status read_job() {
    std::ifstream file(options_.job_file, std::ios::binary);
    if (!file) {
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("job file '{}' cannot be read", options_.job_file), false};
    }
    const std::string text(std::istreambuf_iterator<char>(file), {});
    nlohmann::json document = nlohmann::json::parse(text, nullptr, false);
    if (document.is_discarded()) {
      return Error{ErrorCode::kInvalidArgument, fmt::format("job file '{}' is not JSON", options_.job_file),
                   false};
    }
    Result<ResolvedJob> job = resolved_job_from_json(document);
    if (!job) return job.error();
    job_ = std::move(*job);
    // For the identity alone, and too many to send to every agent.
    document.erase("codeFiles");
    document.erase("otherFiles");
    job_text_ = document.dump();
    return {};
  }

  Status listen() {
    Result<Endpoint> endpoint = parse_endpoint(options_.listen);
    if (!endpoint) return endpoint.error();
    ProtocolServer::Options options;
    options.endpoint = std::move(*endpoint);
    options.tls = options_.tls;
    options.admit = [this](const std::string& path, const Caller& caller) {
      return service_->admit(path, caller);
    };
    auto server = ProtocolServer::listen(
        io_, options, [this](const ProtocolServer::Request& request, ProtocolServer::ReplyTo reply) {
          service_->handle(request, std::move(reply));
        });
    if (!server) return server.error();
    server_ = std::move(*server);
    return {};
  }

  Status take_up() {
    const Status taken = recover();
    if (taken) {
      const bool anew = recovered_.ended == JobState::kComplete && !may_reuse() &&
                        (options_.overwrite || job_.spec.output.overwrite);
      return anew ? begin_anew("allowReuse is false, and the job was complete") : taken;
    }
    const Error& error = taken.error();
    const bool damaged = error.code == ErrorCode::kCorrupt || error.code == ErrorCode::kConflict;
    return options_.overwrite && damaged ? begin_anew(error.message) : taken;
  }

  Status begin_anew(const std::string& why) {
    committer_.reset();
    planning_.reset();
    recovered_ = {};
    if (Status s = directory_->begin_anew(job_); !s) return s;
    begun_anew_ = "--overwrite: begun anew, since " + why;
    return recover();
  }

  // Whether what is complete may stand for this run.
  bool may_reuse() { return job_.spec.allow_reuse || completed_by_this_run(); }

  // A complete job is judged again by the thresholds of today.
  std::optional<Exceeded> exceeded_now(const RecoveredJob& job) {
    if (!may_reuse()) return std::nullopt;
    return exceeded(thresholds_of(job_.spec), job.counts, job.finished.size(), true);
  }

  bool reopens(const RecoveredJob& job) {
    return (options_.retry_failed && !job.failed.empty()) || exceeded_now(job).has_value();
  }

  // On the main thread before the job is served, on the commit thread after.
  void on_checked(std::uint64_t done, std::uint64_t total) {
    const auto tell = [this, done, total, now = std::chrono::steady_clock::now()] {
      const auto words = slow_check_.look(done, total, now);
      if (!words) return;
      progress_.tell({{"event", "note"}, {"message", *words}});
      logs_ ? logs_->note(*words) : early_notes_.push_back(*words);
    };
    if (serving_) {
      boost::asio::post(io_, tell);
    } else {
      tell();
    }
  }

  Status recover() {
    storage_.emplace(std::filesystem::path(directory_->path()), directory_->lock());
    const bool fresh_files = directory_->taken_over();
    if (fresh_files) {
      if (Status s = Committer::pass_by(*storage_); !s) return s;
    }
    auto planning = Planning::open(*storage_, directory_->plan_file(), fresh_files, job_);
    if (!planning) return planning.error();
    planning_ = std::move(*planning);
    const bool rows = job_.spec.output_action == OutputAction::kAppendRow;
    Committer::Options options;
    if (rows) options.output_file = job_.spec.append_row_file_name;
    options.fingerprint = directory_->fingerprint();
    options.fresh_files = fresh_files;
    options.checked = [this](std::uint64_t done, std::uint64_t total) { on_checked(done, total); };
    options.reopen = [this](const RecoveredJob& found) { return reopens(found); };
    auto opened = Committer::open(*storage_, *planning_, options);
    if (!opened) return opened.error();
    committer_ = std::move(opened->committer);
    recovered_ = std::move(opened->job);
    if (recovered_.ended == JobState::kComplete) {
      if (!reopens(recovered_)) return {};
      if (!options_.retry_failed) return revise();
    }
    const PlanExtent plan = planning_->found();
    if (Status s = committer_->start(recovered_, plan.mini_batches, options_.retry_failed); !s) return s;
    directory_->settled();
    return {};
  }

  Status revise() {
    JobResult result = result_of_complete();
    const auto over = exceeded_now(recovered_);
    result.state = JobState::kFailed;
    result.reason = over->reason;
    result.message = "the job was complete, and is judged again: " + over->message;
    if (!recovered_.failed.empty()) {
      result.message += "; the same job started again tries the failed mini-batches once more";
    }
    if (Status s = committer_->revise(result); !s) return s;
    verdict_ = std::move(result);
    directory_->settled();
    return {};
  }

  JobResult result_of_complete() const {
    JobResult result;
    result.first_errors = recovered_.first_errors;
    result.progress.counts = recovered_.counts;
    result.progress.planned = recovered_.finished.size();
    result.progress.items_total = recovered_.counts.items_succeeded + recovered_.counts.items_failed;
    result.progress.plan_complete = true;
    return result;
  }

  std::vector<std::string> input_names() const {
    std::vector<std::string> names;
    for (const Input& input : job_.spec.inputs) names.push_back(input.name);
    return names;
  }

  void open_logs() {
    logs_.emplace(JobLogs::Options{directory_->logs(), job_.spec.name, input_names(), job_.spec.logging_level,
                                   static_cast<std::uint32_t>(job_.spec.run_max_try),
                                   recovered_.counts.processed()});
    for (const std::string& note : early_notes_) logs_->note(note);
  }

  void begin() {
    open_logs();
    logs_->note(fmt::format("job '{}', run {}, epoch {}, listening on {}; committed before: {}",
                            job_.spec.name, recovered_.run, recovered_.epoch, to_string(server_->endpoint()),
                            counted(recovered_.counts.processed(), "mini-batch")));
    if (recovered_.torn_bytes > 0) {
      logs_->note(
          fmt::format("the journal ended in {} of a commit that was never finished: cut off, and done again",
                      counted(recovered_.torn_bytes, "byte")));
    }
    if (recovered_.lost_groups > 0) {
      warn_of(fmt::format("the disk has lost {} that it had confirmed, and the work is done again: {}",
                          counted(recovered_.lost_groups, "commit"), recovered_.lost));
    }
    if (!begun_anew_.empty()) logs_->warn(begun_anew_);
    if (const auto warning = beside_code()) warn_of(*warning);
    if (!admission().asks_for_proof()) {
      logs_->warn("neither a token nor certificates: whoever reaches the endpoint can take part in this job");
    }
    Orchestrator::Options core;
    core.input_names = input_names();
    core.output_action = job_.spec.output_action;
    core.thresholds = thresholds_of(job_.spec);
    core.run_max_try = static_cast<std::uint32_t>(job_.spec.run_max_try);
    core.retry_delay = job_.spec.run_retry_delay;
    if (job_.spec.progress_update_timeout) core.progress_update_timeout = *job_.spec.progress_update_timeout;
    core.first_task_creation_timeout = job_.spec.first_task_creation_timeout;
    core.expected_agents = static_cast<std::uint32_t>(job_.spec.node_count);
    core.slots_per_agent = static_cast<std::uint32_t>(job_.spec.process_count_per_node);
    core.job = job_text_;
    core.code_hash = job_.code_hash;
    core.heartbeat = options_.heartbeat;
    core.session_timeout = options_.session_timeout;
    core.abort_grace = options_.abort_grace;
    core.session_key = session_key_;
    // Without a secret there is nothing that a seal could keep out.
    core.seal_key = key_from("lease seals " + (secret_.empty() ? directory_->fingerprint() : secret_));
    events_.emplace(*logs_, progress_, input_names());
    core_.emplace(std::move(core), std::move(recovered_), *planning_, *planning_, *events_,
                  std::chrono::steady_clock::now());
    service_.emplace(io_, *core_, *logs_, progress_,
                     JobService::Outputs{[this](CommitGroup&& group) { commits_->write(std::move(group)); },
                                         [this] { boost::asio::post(io_, [this] { io_.stop(); }); },
                                         [this] { return !lost_directory(); }},
                     admission());
  }

  void serve() {
    serving_ = true;
    commits_.emplace(*committer_, [this](std::uint64_t group, Status written) {
      boost::asio::post(io_, [this, group, written = std::move(written)] { on_written(group, written); });
    });
    const PlanExtent plan = planning_->found();
    progress_.ready(to_string(server_->endpoint()), directory_->taken_over());
    service_->start();
    if (options_.control_fd >= 0) {
      control_.emplace(io_, options_.control_fd, [this](bool held) { on_hold(held); });
    }
    service_->on_plan(plan.mini_batches, plan.items, plan.complete);
    planning_->start({[this](PlanExtent extent) {
                        boost::asio::post(io_, [this, extent] {
                          service_->on_plan(extent.mini_batches, extent.items, extent.complete);
                        });
                      },
                      [this](const Error& error) {
                        boost::asio::post(io_, [this, error] { service_->on_plan_failed(error); });
                      },
                      [this] { boost::asio::post(io_, [this] { service_->on_samples(); }); },
                      [this](const PassedOver& passed) {
                        boost::asio::post(io_, [this, passed] {
                          const std::string& input = job_.spec.inputs.at(passed.input).name;
                          progress_.left_out(input, passed);
                          warn_of(sentence(passed, input));
                        });
                      },
                      [this](const std::string& warning) {
                        boost::asio::post(io_, [this, warning] { warn_of(warning); });
                      }});
    io_.run();
    planning_->stop();
    control_.reset();
    service_->stop();
    commits_.reset();  // waits for a group that is being written
    server_.reset();
    if (planning_->ends_within(kListingPatience)) {
      planning_.reset();
    } else {
      listing_hangs_ = true;
    }
  }

  // What a user should hear who thinks that a changed table beside the script makes another job.
  std::optional<std::string> beside_code() const {
    const auto& changed = directory_->changed_beside_code();
    if (!changed) return std::nullopt;
    return fmt::format(
        "files beside the code are not those of the job's first start ({}); it goes on, since they are no "
        "code. If they "
        "change its results, start with --overwrite or another output directory",
        *changed);
  }

  // On the terminal, in the overview and in the log of the orchestrator.
  void warn_of(const std::string& warning) {
    logs_->alert(warning);
    progress_.tell({{"event", "warning"}, {"message", warning}});
  }

  void on_written(std::uint64_t group, const Status& written) {
    if (written) return service_->on_committed(group);
    output_failure_ = written.error();
    io_.stop();
  }

  // For good: a successor has it, or it was removed. What has made a write fail may have been that, too.
  std::optional<Error> lost_directory() {
    const Status ours = storage_->still_ours();
    if (ours || ours.error().code == ErrorCode::kIo) return std::nullopt;
    return ours.error();
  }

  void on_hold(bool held) {
    if (held_ == held) return;
    held_ = held;
    logs_->note(held ? "the Lease of this job is uncertain: nothing new is handed out"
                     : "the Lease of this job is ours: mini-batches are handed out again");
    service_->hold(held);
  }

  void on_signal(boost::system::error_code error, int number) {
    if (error) return;
    signals_.async_wait(
        [this](boost::system::error_code again_error, int again) { on_signal(again_error, again); });
    if (std::exchange(interrupted_, true)) return io_.stop();  // asked twice: without waiting for agents
    if (options_.control_fd >= 0) {
      // In a pod agents stay, for the successor; what they have not been thanked for they send again. An end
      // that is decided is written first.
      if (!core_->result()) io_.stop();
      return;
    }
    service_->interrupt(std::string("stopped by ") + name_of_signal(number));
  }

  int end() {
    if (const auto lost = lost_directory()) return be_gone(*lost);
    const Progress progress = core_->progress();
    if (output_failure_) {
      const bool full = output_failure_->code == ErrorCode::kNoSpace;
      const bool changed = output_failure_->code == ErrorCode::kCorrupt;
      std::string message = (changed ? "" : "the output cannot be written: ") + output_failure_->message;
      if (full && message.find("make room") == std::string::npos) message += "; make room";
      if (!changed && message.find("start the same job") == std::string::npos) {
        message += "; start the same job again and it goes on from what is committed";
      }
      JobResult failed;
      failed.state = JobState::kFailed;
      failed.message = message;
      failed.progress = progress;
      nlohmann::json event = to_json(failed);
      event["reason"] = "OutputFailed";
      logs_->alert(message);
      say(message, kFailed);
      return finish(std::move(event), progress, std::nullopt, kFailed);
    }
    std::optional<JobResult> result = core_->result();
    if (!result || !core_->end_is_durable()) {
      result.emplace();
      result->state = JobState::kInterrupted;
      result->reason = JobReason::kStopped;
      result->message = "stopped at once; start the same job again and it goes on from what is committed";
    }
    result->progress = progress;
    const int code = result->state == JobState::kComplete ? kComplete
                     : result->state == JobState::kFailed ? kFailed
                                                          : kInterrupted;
    return finish(to_json(*result), progress, result, code);
  }

  // A verdict of an earlier run's results.
  int end_as(const JobResult& result) {
    open_logs();
    say(result.message, kFailed);
    return finish(to_json(result), result.progress, result, kFailed);
  }

  // The files are a successor's now, or gone: not even the logs get a last word.
  int be_gone(const Error& error) {
    say(error.message, kFailed);
    service_.reset();
    core_.reset();
    events_.reset();
    const bool removed = error.code == ErrorCode::kNotFound;
    nlohmann::json event = {{"state", removed ? "Failed" : "Interrupted"},
                            {"reason", removed ? "OutputRemoved" : "TakenOver"},
                            {"message", error.message}};
    progress_.finished(with_places(std::move(event), job_, started_));
    return kFailed;
  }

  int finish(nlohmann::json event, const Progress& progress, const std::optional<JobResult>& result,
             int code) {
    logs_->finish(progress, result);
    service_.reset();
    core_.reset();
    events_.reset();
    logs_.reset();  // writes what waits: the files are whole when the launcher is told
    progress_.finished(with_places(std::move(event), job_, started_));
    return code;
  }

  // Who completes the results, for a restart of the same run to know them for its own.
  Status record_run() { return orchestrator::write_atomically(*storage_, kRunPath, options_.run + "\n"); }

  bool completed_by_this_run() {
    const Result<std::string> found = orchestrator::read_whole(*storage_, kRunPath, kLongestRun);
    return !options_.run.empty() && found.ok() && *found == options_.run + "\n";
  }

  int already_complete() {
    JobResult result = result_of_complete();
    result.message = fmt::format("'{}' holds the complete results of this job already: {}, nothing to do",
                                 job_.output_directory, counted(result.progress.planned, "mini-batch"));
    if (!recovered_.failed.empty()) {
      result.message += options_.retry_failed ? "" : "; --retry-failed tries the failed ones again";
    } else if (options_.retry_failed) {
      result.message += "; no mini-batch has failed, so there is none to try again";
    }
    if (!may_reuse()) {
      return refuse(Error{
          ErrorCode::kConflict,
          fmt::format("'{}' holds the complete results of this job already, and allowReuse is false; give "
                      "--overwrite to replace them, or choose another output directory",
                      job_.output_directory),
          false});
    }
    if (const auto warning = beside_code()) progress_.tell({{"event", "warning"}, {"message", *warning}});
    nlohmann::json event = to_json(result);
    event["reason"] = "AlreadyComplete";
    progress_.finished(with_places(std::move(event), job_, started_));
    return kComplete;
  }

  // Nothing was touched, or nothing more than a directory made.
  int refuse(const Error& error) {
    return give_up(error, error.code == ErrorCode::kNoSpace ? "OutputFailed" : "Refused",
                   error.code == ErrorCode::kNoSpace ? kFailed : kRefused);
  }
  // What is stored cannot be gone on with.
  int fail(const Error& error) {
    return error.code == ErrorCode::kConflict ? refuse(error) : give_up(error, "OutputFailed", kFailed);
  }

  // Whoever reads the progress stream shows the finished event. A refusal is said here, too: the reader may
  // be gone before the first event.
  void say(const std::string& message, int code) const {
    if (options_.progress_fd >= 0 && code != kRefused) return;
    std::fprintf(stderr, "parallelrun: %s\n", one_line(message, 2 * kLongestLine).c_str());
  }

  int give_up(const Error& error, const char* reason, int code) {
    if (error.code == ErrorCode::kAborted || error.code == ErrorCode::kNotFound) return be_gone(error);
    say(error.message, code);
    nlohmann::json event = {{"state", "Failed"}, {"reason", reason}, {"message", error.message}};
    progress_.finished(with_places(std::move(event), job_, started_));
    return code;
  }

  const OrchestratorOptions& options_;
  const std::chrono::steady_clock::time_point started_;
  ResolvedJob job_;
  std::string job_text_;
  std::string secret_;  // empty: there is none
  SipKey session_key_;
  boost::asio::io_context io_{1};
  boost::asio::signal_set signals_{io_, SIGTERM};
  ProgressStream progress_;
  std::unique_ptr<OutputDirectory> directory_;
  std::optional<DiskStorage> storage_;
  std::unique_ptr<Planning> planning_;
  std::unique_ptr<Committer> committer_;
  RecoveredJob recovered_;
  std::optional<JobResult> verdict_;  // on an earlier run's results, by today's thresholds
  SlowCheck slow_check_;
  std::vector<std::string> early_notes_;  // from before there are logs
  bool serving_ = false;
  std::string begun_anew_;  // why; empty: it goes on, or is new
  std::optional<JobLogs> logs_;
  std::optional<JobEvents> events_;
  std::optional<Orchestrator> core_;
  std::optional<JobService> service_;
  std::optional<CommitThread> commits_;
  std::unique_ptr<ProtocolServer> server_;
  std::optional<ControlPipe> control_;
  std::optional<Error> output_failure_;
  bool held_ = false;
  bool interrupted_ = false;
  bool listing_hangs_ = false;
};

}  // namespace

int run_orchestrator(const OrchestratorOptions& options) {
  Run run(options);
  const int code = run.run();
  if (!run.listing_hangs()) return code;
  std::fflush(nullptr);
  _exit(code);
}

}  // namespace parallelrun
