#include "runner/pod/pod_orchestrator.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <utility>

#include "common/json/compact_text.h"
#include "common/json/json.h"
#include "common/json/members.h"
#include "common/kube/access.h"
#include "common/kube/http_transport.h"
#include "common/kube/kube_client.h"
#include "common/posix/environment.h"
#include "common/posix/signal_queue.h"
#include "common/spec/manifest.h"
#include "common/spec/store_sources.h"
#include "common/text/counted.h"
#include "runner/events/driver_log.h"
#include "runner/job/pod_reuse.h"
#include "runner/job/submission.h"
#include "runner/job/told_spec.h"
#include "runner/pod/init_process.h"
#include "runner/pod/job_lease.h"
#include "runner/pod/job_story.h"
#include "runner/pod/orchestrator_process.h"
#include "runner/pod/source_copy.h"
#include "runner/pod/status_writer.h"
#include "runner/pod/story_lines.h"
#include "runner/pod/termination_message.h"

namespace parallelrun {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using Clock = std::chrono::steady_clock;

enum ExitCode : int { kFailed = 1, kRefused = 2, kInterrupted = 130 };

constexpr const char* kFieldManager = "parallelrun-orchestrator";
// For the API server to take the last progress. In a longer outage the operator takes it from the termination
// message, or a successor tells.
constexpr std::chrono::seconds kLastProgress{5};
constexpr std::chrono::seconds kQuietWait{2};  // a Lease that is free is ours by then
constexpr std::size_t kProblemsTold = 20;

const kube::Resource& jobs() {
  static const kube::Resource kJobs{"parallelrun.dev", "v1alpha1", "parallelrunjobs"};
  return kJobs;
}

// Wakes the loop from another thread.
class Bell {
 public:
  Bell() : descriptor_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  int descriptor() const { return descriptor_.get(); }
  void ring() const { eventfd_write(descriptor_.get(), 1); }
  void silence() const {
    eventfd_t ignored = 0;
    eventfd_read(descriptor_.get(), &ignored);
  }

 private:
  FileDescriptor descriptor_;
};

class PodOrchestrator {
 public:
  explicit PodOrchestrator(const PodOrchestratorOptions& options)
      : options_(options),
        pod_(environment_variable("POD_NAME")),
        name_space_(environment_variable("POD_NAMESPACE")),
        job_name_(environment_variable("JOB_NAME")),
        job_uid_(environment_variable("JOB_UID")),
        started_(Clock::now()) {}

  int run() {
    std::signal(SIGPIPE, SIG_IGN);
    say(fmt::format("pod {} starts work on job {}/{}", pod_, name_space_, job_name_));
    if (const std::optional<End> end = prepare()) return end_early(*end);
    start_lease();
    while (!end_) {
      wait();
      take_signals();
      take_lease();
      take_events();
    }
    return close(*end_);
  }

 private:
  void say(const std::string& line) {
    story_lines_.say(line);
    driver_log_.line(line);
  }

  // What the termination message and the operator are told, and the exit code.
  struct End {
    json event;  // as the orchestrator's finished event
    int code = kFailed;
  };
  static End refused(const std::string& message) {
    return {end_without_event("Failed", "Refused", message), kRefused};
  }
  // Another start may get further.
  static End interrupted(const char* reason, const std::string& message, int code = kFailed) {
    return {end_without_event("Interrupted", reason, message), code};
  }

  // --- before there is a child --------------------------------------------------------------------------

  // The job, its code, its directories and the API server; or the end that it came to.
  std::optional<End> prepare() {
    for (const auto& [name, value] : {std::pair("POD_NAME", pod_), std::pair("POD_NAMESPACE", name_space_),
                                      std::pair("JOB_NAME", job_name_)}) {
      if (value.empty()) return refused(fmt::format("the environment variable {} is not set", name));
    }
    const std::string manifest = options_.places.job_file(pod::kManifest);
    const Result<std::string> text = read_manifest_file(manifest);
    if (!text) return refused(text.error().message);
    ParseOptions parse;
    parse.place = Place::kCluster;
    ParsedSpec parsed = parse_manifest(*text, parse);
    if (!parsed.ok()) return refused(in_one(parsed.problems));
    spec_ = std::move(parsed.spec);

    PodResolution resolution;
    const auto code = code_place(spec_, options_.places, resolution);
    if (!resolution.ok()) return unresolved(resolution);
    if (code) {
      const Status copied = copy_source(code->directory, code->boundary, options_.places.source_copy);
      if (!copied) return interrupted("SourceNotCopied", copied.error().message);
    }
    resolution = resolve_in_pod(spec_, options_.places);
    if (!resolution.ok()) return unresolved(resolution);
    job_ = std::move(resolution.job);
    if (const Status written = write_job_file(); !written)
      return interrupted("ScratchTrouble", written.error().message);
    if (const Status reached = reach_api(); !reached)
      return interrupted("NoApiAccess", reached.error().message);
    return std::nullopt;
  }

  static std::string in_one(const std::vector<SpecProblem>& problems) {
    std::string text;
    for (std::size_t i = 0; i < problems.size() && i < kProblemsTold; ++i) {
      text += (i == 0 ? "" : "; ") + to_string(problems[i]);
    }
    return text;
  }

  static End unresolved(const PodResolution& resolution) {
    const std::string message = in_one(resolution.problems);
    return resolution.passing ? interrupted("VolumeTrouble", message) : refused(message);
  }

  Status write_job_file() {
    std::error_code error;
    fs::create_directories(options_.places.scratch, error);
    job_file_ = options_.places.scratch + "/resolved-job.json";
    std::ofstream file(job_file_, std::ios::binary | std::ios::trunc);
    // Directories may have names that are no UTF-8; those of a ResolvedJob are checked to be.
    json document = to_json(job_);
    // Results in a store are neither reused nor taken over, so nothing is kept for that.
    if (!in_store()) {
      document["submission"] =
          submission_of_pod(name_space_, job_name_, job_uid_, side_inputs_here(spec_, options_.places));
      document["reuse"] = to_json(pod_reuse(spec_, options_.places, environment_variable(pod::kEarlierRuns)));
    }
    file << document.dump();
    if (file.flush()) return {};
    return Error{ErrorCode::kIo, fmt::format("'{}' cannot be written: {}", job_file_, std::strerror(errno))};
  }

  // --- the API server -----------------------------------------------------------------------------------

  Status reach_api() {
    kube::AccessOptions access_options;
    access_options.kubeconfig = options_.kubeconfig;
    auto access = kube::default_access(access_options);
    if (!access) return access.error();
    try {
      transport_ = kube::make_http_transport(access->address, access->credentials, {});
    } catch (const std::exception& error) {
      return Error{ErrorCode::kUnavailable, error.what(), true};
    }
    client_.emplace(*transport_);
    status_.emplace(
        [this](const json& progress, const std::stop_token& stop) { return apply(progress, stop); },
        [this](const std::string& line) { say(line); });
    return {};
  }

  kube::ApiResult<json> apply(const json& progress, const std::stop_token& stop) {
    // What a pod that was paused believes in is old.
    if (lease_->standing() != kube::LeaseStanding::kHeld) {
      kube::ApiError later;
      later.failure = kube::ApiFailure::kStopped;
      return later;
    }
    json metadata = {{"name", job_name_}, {"namespace", name_space_}};
    // Of a job that was deleted and made anew under its name this orchestrator says nothing.
    if (!job_uid_.empty()) metadata["uid"] = job_uid_;
    const json object = {{"apiVersion", std::string(kApiVersion)},
                         {"kind", std::string(kKind)},
                         {"metadata", std::move(metadata)},
                         {"status", {{"progress", progress}}}};
    return client_->apply(jobs(), {name_space_, job_name_, "status"}, object, {kFieldManager, true}, stop);
  }

  void start_lease() {
    JobLeaseOptions lease;
    lease.name_space = name_space_;
    lease.job_name = job_name_;
    lease.job_uid = job_uid_;
    lease.holder = pod::lease_holder(pod_, environment_variable("POD_UID"));
    lease.ended = options_.ended;
    lease.duration = options_.lease_duration;
    lease_.emplace(*transport_, lease, [this] { bell_.ring(); });
  }

  // --- the loop -----------------------------------------------------------------------------------------

  void wait() {
    std::array<pollfd, 3> watched{
        {{signals_.descriptor(), POLLIN, 0},
         {bell_.descriptor(), POLLIN, 0},
         {child_.running() && !events_ended_ ? child_.events().reader() : -1, POLLIN, 0}}};
    // While waiting for the Lease there are no events of it: who holds it is looked up.
    const bool waiting = standing_ == kube::LeaseStanding::kWaiting;
    poll(watched.data(), watched.size(), waiting ? 1000 : -1);
  }

  void take_signals() {
    while (const int number = signals_.take()) {
      if (number == SIGCHLD) {
        reap();
        continue;
      }
      if (!child_.running()) {
        end_ = interrupted("Stopped", "it was stopped before it had begun", kInterrupted);
        continue;
      }
      if (!stopping_) say(fmt::format("{}: stopping; what is committed stays", signal_name(number)));
      stopping_ = true;
      child_.signal(SIGTERM);
    }
  }

  void take_lease() {
    bell_.silence();
    const kube::LeaseStanding now = lease_->standing();
    if (now == kube::LeaseStanding::kWaiting) tell_of_waiting();
    if (now == std::exchange(standing_, now)) return;
    switch (now) {
      case kube::LeaseStanding::kHeld:
        if (child_.running()) {
          say("the Lease is renewed again: mini-batches are handed out again");
          child_.hold(false);
        } else if (!end_) {
          start_child();
        }
        break;
      case kube::LeaseStanding::kUncertain:
        say("warning: the Lease cannot be renewed. Until it is renewed, no new mini-batches are handed "
            "out: " +
            lease_->words());
        child_.hold(true);
        break;
      case kube::LeaseStanding::kLost:
        child_.signal(SIGKILL);
        say("another pod has the Lease and goes on with the job: " + lease_->words());
        if (!child_.running()) end_ = taken_over();
        break;
      case kube::LeaseStanding::kWaiting:
      case kube::LeaseStanding::kGivenUp:
        break;
    }
  }

  void tell_of_waiting() {
    const std::string words = lease_->words();
    if (Clock::now() - started_ < kQuietWait || words == std::exchange(waiting_, words)) return;
    say("waiting for the Lease of the job: " + words);
  }

  void start_child() {
    OrchestratorProcess::Options child;
    child.program = options_.program;
    child.job_file = job_file_;
    child.listen = options_.listen;
    child.tls = options_.tls;
    child.lease = name_space_ + "/" + job_name_;
    child.run = job_uid_;
    if (!options_.take_over_job.empty()) {
      const pod::Mount earlier = pod::earlier_output(pod::pod_layout(spec_), options_.take_over);
      child.take_over = options_.places.at(earlier.directory);
      child.take_over_job = options_.take_over_job;
    }
    if (const Status started = child_.start(child); !started)
      end_ = interrupted("NotStarted", started.error().message);
  }

  void take_events() {
    if (events_ended_ || child_.events().reader() < 0) return;
    for (json& event : child_.events().take(events_ended_)) {
      const auto kind = event.value("event", std::string());
      // The output directory is this job's from now on.
      if (kind == "ready" || text_at(event, "reason") == "Reused") open_driver_log();
      if (!story_) story_.emplace(started_, output_in_words());
      for (const std::string& line : story_->lines(event, Clock::now())) say(line);
      if (kind == "finished") finished_ = event;
      if (kind == "progress" || (kind == "finished" && event.contains("miniBatchesCreated")))
        status_->set(std::move(event));
    }
  }

  void open_driver_log() {
    driver_log_.open(job_.output_directory + "/logs/70_driver_log.txt");
    driver_log_.line(fmt::format("job '{}/{}' of pod {}, {} x {}", name_space_, job_name_, pod_,
                                 counted(spec_.node_count, "node"),
                                 counted(spec_.process_count_per_node, "process")));
    driver_log_.line("spec: " + compact_text(told_spec(spec_)));
  }

  void reap() {
    const pid_t child = child_.running() ? child_.pid() : -1;
    int status = 0;
    if (!reap_children(child, status)) return;
    child_.reaped();
    take_events();
    end_ = end_of_child(status);
  }

  // --- the end ------------------------------------------------------------------------------------------

  static End taken_over() { return interrupted("LeaseLost", "another pod has taken the job over"); }

  // `status`: as waitpid() gives it.
  End end_of_child(int status) {
    if (standing_ == kube::LeaseStanding::kLost) return taken_over();
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : kFailed;
    if (finished_) return {std::move(*finished_), code};
    const std::string how = WIFEXITED(status) ? fmt::format("ended with exit status {}", code)
                                              : "killed by " + signal_name(WTERMSIG(status));
    End died = interrupted("OrchestratorDied",
                           "the orchestrator process " + how + " before it had finished; the job can go on");
    say(died.event.at("message").get<std::string>());
    return died;
  }

  int end_early(const End& end) {
    json event = end.event;
    event["event"] = "finished";
    for (const std::string& line : JobStory(started_, "").lines(event, Clock::now())) say(line);
    leave_last_words(end.event);
    return end.code;
  }

  int close(const End& end) {
    // First of all: the pod may be killed at any moment now.
    leave_last_words(end.event);
    driver_log_.line(fmt::format("exit code {}", end.code));
    if (standing_ != kube::LeaseStanding::kLost) {
      status_->flush(kLastProgress);
      status_.reset();
      // Our child has ended, so a successor need not wait or take care.
      lease_.reset();
    }
    return end.code;
  }

  void leave_last_words(const json& end) {
    const std::string message = termination_message(end, output_folder());
    const Status written = write_termination_message(options_.termination_log, message);
    if (!written) say("warning: " + written.error().message);
  }

  bool in_store() const { return spec_.output.source.store.is_object(); }

  // The folder in the volume, or the address of that in the store.
  std::string output_folder() const {
    return in_store() ? store_address(spec_.output.source.store) : spec_.output.source.sub_path;
  }

  std::string output_in_words() const {
    const std::string folder = output_folder();
    const std::string file =
        spec_.output_action == OutputAction::kAppendRow ? spec_.append_row_file_name : "";
    return fmt::format("{}{}{}{}", folder, folder.empty() || file.empty() ? "" : "/", file,
                       in_store() ? "" : " in the volume of spec.output");
  }

  const PodOrchestratorOptions& options_;
  const std::string pod_;
  const std::string name_space_;
  const std::string job_name_;
  const std::string job_uid_;
  const Clock::time_point started_;
  const SignalQueue signals_{SIGTERM, SIGINT, SIGHUP, SIGCHLD};
  const Bell bell_;
  StoryLines story_lines_{STDOUT_FILENO};
  DriverLog driver_log_;
  JobSpec spec_;
  ResolvedJob job_;
  std::string job_file_;

  std::unique_ptr<kube::Transport> transport_;
  std::optional<kube::KubeClient> client_;
  std::optional<JobLease> lease_;
  std::optional<StatusWriter> status_;  // looks at lease_
  kube::LeaseStanding standing_ = kube::LeaseStanding::kWaiting;
  std::string waiting_;
  OrchestratorProcess child_;
  std::optional<JobStory> story_;
  bool events_ended_ = false;
  bool stopping_ = false;         // a signal was handed on to the child
  std::optional<json> finished_;  // the child's last word
  std::optional<End> end_;        // the loop ends with it
};

}  // namespace

int run_pod_orchestrator(const PodOrchestratorOptions& options) { return PodOrchestrator(options).run(); }

}  // namespace parallelrun
