#include "runner/orchestrator/server/run_orchestrator.h"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <thread>
#include <utility>

#include "common/hash/sha256.h"
#include "common/hash/siphash.h"
#include "common/json/json.h"
#include "common/json/members.h"
#include "common/posix/process_start.h"
#include "common/result/try.h"
#include "common/spec/dataset_use.h"
#include "common/spec/problems.h"
#include "common/text/counted.h"
#include "runner/input/format_of_files.h"
#include "runner/job/identity.h"
#include "runner/job/pod_reuse.h"
#include "runner/job/resolved_job.h"
#include "runner/job/submission.h"
#include "runner/orchestrator/orchestrator.h"
#include "runner/orchestrator/server/admission.h"
#include "runner/orchestrator/server/commit_thread.h"
#include "runner/orchestrator/server/control_pipe.h"
#include "runner/orchestrator/server/ending.h"
#include "runner/orchestrator/server/job_events.h"
#include "runner/orchestrator/server/job_files.h"
#include "runner/orchestrator/server/job_logs.h"
#include "runner/orchestrator/server/job_service.h"
#include "runner/orchestrator/server/progress_stream.h"
#include "runner/orchestrator/server/reuse.h"
#include "runner/orchestrator/server/slow_check.h"
#include "runner/orchestrator/server/take_over.h"
#include "runner/protocol/machine_token.h"
#include "runner/protocol/protocol_server.h"
#include "runner/store/data_connection.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun {
namespace {

using namespace orchestrator;  // NOLINT(google-build-using-namespace): this file is its main program

constexpr std::uintmax_t kLargestRecord = std::uintmax_t{64} << 20U;  // of job.json
constexpr std::chrono::seconds kListingPatience{5};
constexpr std::chrono::seconds kEarlierPodsPatience{60};

// The finished event has the same members however far a start came.
nlohmann::json with_places(nlohmann::json event, const ResolvedJob& job,
                           std::chrono::steady_clock::time_point started) {
  const std::string out = shown_output(job);
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

  int run() { return conclude(live()); }

 private:
  Ending live() {
    take_over_signals();
    if (const Status ready = prepare(); !ready) return refused(ready.error());
    const bool untouched = files_->untouched();
    if (const auto reused = reuse_results()) return *reused;
    if (untouched && !options_.take_over.empty()) {
      if (const Status taken = take_results_over(); !taken) return not_taken_over(taken.error());
    }
    if (const Status taken = files_->take_up(); !taken) return cannot_go_on(taken.error());
    if (const Status recorded = record_submission(untouched); !recorded)
      return cannot_go_on(recorded.error());
    if (files_->verdict()) {
      to_publish_ = JobState::kFailed;
      return judged_again(*files_->verdict());
    }
    if (files_->complete()) return nothing_to_do();
    if (const Status recorded = files_->record_run(); !recorded) return cannot_go_on(recorded.error());
    begin();
    serve();
    return how_it_ended();
  }

  void take_over_signals() {
    // A launcher that went away must not end the commits.
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);  // a file limit is an error of write(), as a full disk is
    // Boost's signal set would take the place of an inherited "ignore".
    for (const int number : {SIGINT, SIGHUP}) {
      if (!is_ignored(number)) signals_.add(number);
    }
    signals_.async_wait([this](boost::system::error_code error, int number) { on_signal(error, number); });
  }

  // Everything that can refuse a start before the job's files are read.
  Status prepare() {
    RETURN_IF_ERROR(read_secret());
    RETURN_IF_ERROR(read_job());
    JobFiles::Options options{options_.overwrite, options_.retry_failed, options_.lease, options_.run,
                              [this](std::uint64_t done, std::uint64_t total) { on_checked(done, total); }};
    ASSIGN_OR_RETURN(files_, JobFiles::open(job_, std::move(options)));
    return listen();
  }

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
    if (const auto submission = document.find("submission"); submission != document.end()) {
      submission_ = std::move(*submission);
      document.erase("submission");
    }
    if (const auto reuse = document.find("reuse"); reuse != document.end()) {
      pod_reuse_ = pod_reuse_from_json(*reuse);
      document.erase("reuse");
    }
    Result<ResolvedJob> job = resolved_job_from_json(document);
    if (!job) return job.error();
    job_ = std::move(*job);
    ASSIGN_OR_RETURN(const bool decided, take_formats_of_files());
    if (decided) document = to_json(job_);
    // For the identity alone, and too many to send to every agent.
    document.erase("codeFiles");
    document.erase("otherFiles");
    job_text_ = document.dump();
    return {};
  }

  // Before the job is compared with what the output has, and before anybody else hears of it.
  Result<bool> take_formats_of_files() {
    const auto& inputs = job_.spec.inputs;
    if (std::none_of(inputs.begin(), inputs.end(), [](const Input& input) { return input.format_of_files; }))
      return false;
    if (const auto decided = take_recorded_formats()) return *decided;
    bool decided = false;
    const auto output = identity_of(job_.output_directory);
    for (Input& input : job_.spec.inputs) {
      const auto directory = job_.input_directories.find(input.name);
      if (directory == job_.input_directories.end()) continue;
      ASSIGN_OR_RETURN(const bool other,
                       take_format_of_files(input, {directory->second, output, data_socket()}));
      decided = decided || other;
    }
    return decided;
  }

  // What an earlier start of this job has found stays in force, whatever lies there now. Nothing: there was
  // none in the output directory.
  std::optional<bool> take_recorded_formats() {
    std::error_code error;
    const std::string path = job_.output_directory + "/.parallelrun/job.json";
    if (const auto size = std::filesystem::file_size(path, error); error || size > kLargestRecord)
      return std::nullopt;
    std::ifstream file(path, std::ios::binary);
    const auto recorded = nlohmann::json::parse(file, nullptr, false);
    const nlohmann::json& settings = object_at(recorded, "settings");
    ResolvedJob as_before = job_;
    bool decided = false;
    for (Input& input : as_before.spec.inputs) decided = take_recorded_format(input, settings) || decided;
    if (!differing_settings(settings, as_before).empty()) return std::nullopt;
    job_ = std::move(as_before);
    return decided;
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
    auto server =
        ProtocolServer::listen(io_, std::move(options),
                               [this](const ProtocolServer::Request& request, ProtocolServer::ReplyTo reply) {
                                 service_->handle(request, std::move(reply));
                               });
    if (!server) return server.error();
    server_ = std::move(*server);
    return {};
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

  std::vector<std::string> input_names() const {
    std::vector<std::string> names;
    for (const Input& input : job_.spec.inputs) names.push_back(input.name);
    return names;
  }

  void open_logs() {
    logs_.emplace(JobLogs::Options{files_->directory().logs(), job_.spec.name, input_names(),
                                   job_.spec.logging_level, static_cast<std::uint32_t>(job_.spec.run_max_try),
                                   files_->recovered().ledger.counts().processed(),
                                   datasets_to_record(job_.spec), taken_over_});
    for (const std::string& note : early_notes_) logs_->note(note);
  }

  void begin() {
    open_logs();
    RecoveredJob& found = files_->recovered();
    logs_->note(fmt::format("job '{}', run {}, epoch {}, listening on {}; committed before: {}",
                            job_.spec.name, found.run, found.epoch, to_string(server_->endpoint()),
                            counted(found.ledger.counts().processed(), "mini-batch")));
    if (found.torn_bytes > 0) {
      logs_->note(fmt::format(
          "the journal ended in {} of an unfinished commit; they are cut off, and the commit is done again",
          counted(found.torn_bytes, "byte")));
    }
    if (found.lost_groups > 0) {
      warn_of(fmt::format("the disk has lost {} that it had confirmed; the work is done again: {}",
                          counted(found.lost_groups, "commit"), found.lost));
    }
    if (job_.spec.isolate_failures && !found.knows_parts) {
      warn_of(
          "isolateFailures has no effect: an earlier version began this job, and its journal cannot name "
          "parts "
          "of mini-batches; to use it, start the job in another output directory");
    }
    if (!files_->begun_anew().empty()) logs_->warn(files_->begun_anew());
    if (!taken_over_.is_null()) progress_.set_taken_over(taken_over_);
    if (!taken_over_words_.empty()) tell_taken_over();
    if (reuse_) reuse_->look_at_fetched();
    if (OutputStore* const store = files_->directory().store()) {
      if (!store->passed_by().empty()) warn_of(store->passed_by());
      store->begin_logs();
    }
    if (const auto warning = beside_code()) warn_of(*warning);
    if (!admission().asks_for_proof()) {
      logs_->warn(
          "there is neither a token nor a certificate, so everybody who reaches the endpoint can take part "
          "in this job");
    }
    Orchestrator::Options core;
    core.input_names = input_names();
    core.output_action = job_.spec.output_action;
    core.row_check = files_->row_check();
    core.thresholds = thresholds_of(job_.spec);
    core.run_max_try = static_cast<std::uint32_t>(job_.spec.run_max_try);
    core.isolate_failures = job_.spec.isolate_failures;
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
    core.seal_key =
        key_from("lease seals " + (secret_.empty() ? files_->directory().fingerprint() : secret_));
    events_.emplace(*logs_, progress_, input_names(),
                    [this](const MiniBatch& mini_batch) { return files_->planning().object_of(mini_batch); });
    core_.emplace(std::move(core), std::move(found),
                  Orchestrator::Planning{files_->planning(), files_->planning(), files_->planning()},
                  *events_, std::chrono::steady_clock::now());
    service_.emplace(io_, *core_, *logs_, progress_,
                     JobService::Outputs{[this](CommitGroup&& group) { commits_->write(std::move(group)); },
                                         [this] { boost::asio::post(io_, [this] { io_.stop(); }); },
                                         [this] { return !files_->lost(); },
                                         [this](const RegisterRequest& agent) { on_registered(agent); }},
                     admission());
  }

  void tell_taken_over() {
    progress_.tell({{"event", "note"}, {"message", taken_over_words_}, {"takenOver", taken_over_}});
    logs_->note(taken_over_words_);
  }

  // The same function, called on the core's thread later.
  template <typename Function>
  auto posted(Function function) {
    return [this, function](auto... values) {
      boost::asio::post(io_, [function, ... values = std::move(values)] { function(values...); });
    };
  }

  void serve() {
    serving_ = true;
    Planning& planning = files_->planning();
    commits_.emplace(files_->committer(), posted([this](std::uint64_t group, const Status& written) {
                       on_written(group, written);
                     }));
    progress_.ready(to_string(server_->endpoint()), files_->directory().taken_over());
    // Where keys may be columns, tables are looked into.
    service_->start(!job_.spec.partition_keys.empty() && !planning.found().complete);
    if (options_.control_fd >= 0) {
      control_.emplace(io_, options_.control_fd, [this](bool held) { on_hold(held); });
    }
    on_extent(planning.found());
    Planning::Events events;
    events.on_extent = posted([this](const PlanExtent& extent) { on_extent(extent); });
    events.on_failed = posted([this](const Error& error) { service_->on_plan_failed(error); });
    events.on_checked = posted([this] { service_->on_checked(); });
    events.on_samples = posted([this] { service_->on_samples(); });
    events.on_parts = posted(
        [this](std::uint64_t request, const PartCutter::Cut& parts) { service_->on_parts(request, parts); });
    events.on_passed_over = posted([this](const PassedOver& passed) { on_passed_over(passed); });
    events.on_warning = posted([this](const std::string& warning) { warn_of(warning); });
    watch(events);
    planning.start(std::move(events));
    io_.run();
    planning.stop();
    control_.reset();
    service_->stop();
    commits_.reset();  // waits for a group that is being written
    server_.reset();
    listing_hangs_ = !files_->end_planning(kListingPatience);
  }

  // In a pod each worker has fetched side inputs of stores for itself.
  void on_registered(const RegisterRequest& agent) {
    if (pod_reuse_ && reuse_) reuse_->on_fetched(agent.agent_name, agent.fetched_side_inputs);
  }

  void on_extent(const PlanExtent& plan) { service_->on_plan(plan.mini_batches, plan.items, plan.complete); }

  void on_passed_over(const PassedOver& passed) {
    const std::string& input = job_.spec.inputs.at(passed.input).name;
    progress_.left_out(input, passed);
    warn_of(sentence(passed, input));
  }

  // What a user should hear who thinks that a changed table beside the script makes another job.
  std::optional<std::string> beside_code() const {
    const auto& changed = files_->directory().changed_beside_code();
    if (!changed) return std::nullopt;
    return fmt::format(
        "files beside the code have changed since the job's first start ({}). The job goes on, because they "
        "are not code. If they change its results, start with --overwrite or another output directory",
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

  void on_hold(bool held) {
    if (held_ == held) return;
    held_ = held;
    logs_->note(held ? "the Lease of this job is uncertain: no new mini-batches are handed out"
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

  // --- the end ------------------------------------------------------------------------------------------

  Ending how_it_ended() {
    if (const auto lost = files_->lost()) return gone(*lost);
    const Progress progress = core_->progress();
    if (output_failure_) return output_failed(*output_failure_, progress);
    const bool all_done = core_->end_is_durable() && core_->result()->state == JobState::kComplete &&
                          progress.counts.items_failed == 0;
    if (reuse_) reuse_->compare_fetched();
    if (all_done) {
      files_->remove_groups();  // what failed may be tried again
      if (reuse_) reuse_->keep(files_->directory().fingerprint(), count_at(taken_over_, "items") > 0);
    }
    const auto result = core_->end_is_durable() ? std::optional(*core_->result()) : std::nullopt;
    to_publish_ = result ? result->state : JobState::kInterrupted;
    return decided(result, progress);
  }

  // Results of an earlier run, where they stand for this job's; nothing: it runs.
  std::optional<Ending> reuse_results() {
    const bool kept = !submission_.is_null();
    std::optional<std::map<std::string, std::string>> pod_side_inputs;
    if (const auto places = submission_.find(kPodSideInputs); kept && places != submission_.end())
      pod_side_inputs = places->get<std::map<std::string, std::string>>();
    if (options_.run_index.empty() && !options_.explain_reuse && !kept) return std::nullopt;
    // Whoever looks at a job of a cluster cannot ask again.
    const bool explain = options_.explain_reuse || (pod_reuse_ && !pod_reuse_->runs.empty());
    reuse_ =
        std::make_unique<Reuse>(job_,
                                Reuse::Options{options_.run_index, pod_reuse_, options_.version, explain,
                                               files_->directory().path(), kept, std::move(pod_side_inputs)},
                                [this](const std::string& words, bool loud) { tell(words, loud); });
    if (!files_->untouched()) return std::nullopt;
    const std::optional<FinishedRun> run = reuse_->find();
    if (!run) return std::nullopt;
    const Status adopted = files_->adopt(
        [&](Storage& storage, const std::string& identity) { return reuse_->copy(*run, storage, identity); });
    if (!adopted) {
      const ErrorCode code = adopted.error().code;
      const bool theirs = code == ErrorCode::kCorrupt || code == ErrorCode::kConflict;
      if (theirs) reuse_->forget(*run);
      reuse_->tell_why_not(fmt::format("warning: the results of {} are not reused, and the job runs: {}",
                                       reuse_->run_in_words(*run), adopted.error().message),
                           true);
      return std::nullopt;
    }
    Result<JobResult> result = files_->complete_result();
    if (!result) return refused(result.error());
    result->message =
        fmt::format("Reused the results of {}: {}, no worker started; allowReuse: false runs it anew",
                    reuse_->run_in_words(*run), counted(result->progress.planned, "mini-batch"));
    Ending ending = reused(*result, reuse_->called(*run), run->finished);
    if (const Status written = files_->write_result(ending.event); !written)
      return cannot_go_on(written.error());
    if (const Status recorded = record_submission(true); !recorded) return cannot_go_on(recorded.error());
    reuse_->keep_copy(*run, files_->directory().fingerprint());
    return ending;
  }

  // What of the results of another job is good for this one's, so that the rest alone runs.
  Status take_results_over() {
    TakeOver take_over(job_, *reuse_, options_.take_over, options_.take_over_job, files_->directory().path());
    Result<bool> any = take_over.look();
    // Its pods are told to go, and may need a moment.
    for (const auto began = std::chrono::steady_clock::now();
         !any && any.error().code == ErrorCode::kConflict && !options_.take_over_job.empty() &&
         std::chrono::steady_clock::now() - began < kEarlierPodsPatience;) {
      std::this_thread::sleep_for(std::chrono::seconds(1));
      any = take_over.look();
    }
    const bool unusable = !any && (any.error().code == ErrorCode::kNotFound ||  // nothing that could be used
                                   any.error().code == ErrorCode::kCorrupt);
    if (unusable && !options_.take_over_job.empty()) {
      take_over.give_up(any.error().message);
      any = false;
    }
    if (!any) return any.error();
    if (*any) {
      const Status filled =
          files_->take_over([&](Storage& storage) { return take_over.plan(storage); },
                            [&](Committer& committer) { return take_over.commit(committer); });
      const ErrorCode code = filled ? ErrorCode::kIo : filled.error().code;
      // The inputs cannot be planned: the job says so itself.
      if (code == ErrorCode::kNotFound || code == ErrorCode::kInvalidArgument) {
        take_over.give_up(filled.error().message);
      } else if (!filled) {
        return filled;
      }
    }
    taken_over_ = to_json(take_over.report());
    taken_over_words_ = in_words(take_over.report());
    return {};
  }

  // Nothing has begun: whoever asked for it hears what is wrong, and no job runs in its place.
  static Ending not_taken_over(const Error& error) {
    Error told = error;
    told.message = "the results cannot be taken over: " + error.message;
    const bool wrong = error.code == ErrorCode::kNotFound || error.code == ErrorCode::kConflict ||
                       error.code == ErrorCode::kInvalidArgument;
    if (wrong) told.code = ErrorCode::kInvalidArgument;
    return wrong ? refused(told) : cannot_go_on(told);
  }

  // What a resubmission of this job has to know: how it was started, and with what it began.
  Status record_submission(bool untouched) {
    if (!reuse_ || submission_.is_null()) return {};
    const bool begins = untouched || !files_->begun_anew().empty();
    const std::optional<nlohmann::json> before = begins ? std::nullopt : files_->read_state(kSubmissionPath);
    nlohmann::json settings = reuse_->settings();
    if (begins) {
      if (!taken_over_.is_null()) RETURN_IF_ERROR(files_->write_state(kTakenOverPath, taken_over_));
    } else {
      settings = before ? object_at(*before, "settings") : nlohmann::json();
      if (const auto taken = files_->read_state(kTakenOverPath)) taken_over_ = *taken;
      if (!files_->same_run() && !files_->complete() && !reuse_->began_alike(settings))
        reuse_->cannot_watch(kBegunOtherwise);
    }
    submission_.erase(kPodSideInputs);
    submission_["settings"] = std::move(settings);
    submission_["miniBatchSize"] = job_.spec.mini_batch_size;
    return files_->write_state(kSubmissionPath, submission_);
  }

  // Before there are logs, or after.
  void tell(const std::string& words, bool loud) {
    if (loud) progress_.tell({{"event", "note"}, {"message", words}});
    logs_ ? logs_->note(words) : early_notes_.push_back(words);
  }

  // What the inputs hold is written down while they are listed, for later jobs.
  void watch(Planning::Events& events) {
    const PlanExtent& found = files_->planning().found();
    if (!reuse_ || found.complete) return;
    // What an earlier start has planned is not listed again.
    if (found.mini_batches > 0) return reuse_->cannot_watch(kStoppedWhileListing);
    reuse_->begin_watch();
    if (!reuse_->watches()) return;
    events.watched = [this](std::size_t input, std::unique_ptr<Listing> listing) {
      return reuse_->watch(input, std::move(listing));
    };
    events.on_listed = [this] {
      reuse_->listed();
      boost::asio::post(io_, [this] { reuse_->compare_fetched(); });
    };
  }

  Ending nothing_to_do() {
    const Result<JobResult> result = files_->complete_result();
    if (!result) return refused(result.error());
    if (OutputStore* const store = files_->directory().store()) {
      // The start before may have ended between the two.
      const Result<bool> published = store->is_published();
      if (!published) return cannot_go_on(published.error());
      if (!*published) to_publish_ = JobState::kComplete;
    }
    if (result->progress.counts.items_failed == 0) files_->remove_groups();
    if (const auto warning = beside_code()) progress_.tell({{"event", "warning"}, {"message", *warning}});
    return complete_before(*result);
  }

  int conclude(Ending ending) {
    if (ending.last_word) {
      if (!logs_) open_logs();
      if (!ending.last_word->alert.empty()) logs_->alert(ending.last_word->alert);
      logs_->finish(ending.last_word->progress, ending.last_word->result);
    }
    // Whoever reads the progress stream shows the finished event. A refusal is said here, too: the reader may
    // be gone before the first event.
    if (!ending.said.empty() && (options_.progress_fd < 0 || ending.code == kExitRefused))
      std::fprintf(stderr, "parallelrun: %s\n", one_line(ending.said, 2 * kLongestLine).c_str());
    if (logs_) logs_->metrics().tell(ending.event);
    service_.reset();
    core_.reset();
    events_.reset();
    logs_.reset();  // writes what waits: the files are whole when the launcher is told
    if (!taken_over_.is_null()) ending.event["takenOver"] = taken_over_;
    if (reuse_) reuse_->tell_end(ending.event);
    if (to_publish_) {
      if (const Status published = files_->publish(to_publish_); !published)
        ending = not_published(std::move(ending), published.error());
    }
    progress_.finished(with_places(std::move(ending.event), job_, started_));
    return ending.code;
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
  nlohmann::json submission_;          // of the launcher; null: this start keeps no record for resubmissions
  std::optional<PodReuse> pod_reuse_;  // of pod-orchestrator
  nlohmann::json taken_over_;          // TakenOver; null: nothing was asked for
  std::string taken_over_words_;       // to be told in this start
  std::unique_ptr<Reuse> reuse_;       // the planner's thread uses it
  std::unique_ptr<JobFiles> files_;
  SlowCheck slow_check_;
  std::vector<std::string> early_notes_;  // from before there are logs
  bool serving_ = false;
  std::optional<JobLogs> logs_;
  std::optional<JobEvents> events_;
  std::optional<Orchestrator> core_;
  std::optional<JobService> service_;
  std::optional<CommitThread> commits_;
  std::unique_ptr<ProtocolServer> server_;
  std::optional<ControlPipe> control_;
  std::optional<Error> output_failure_;
  std::optional<JobState> to_publish_;  // nothing of a job that was refused, or is another's
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
