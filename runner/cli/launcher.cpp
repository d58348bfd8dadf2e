#include "runner/cli/launcher.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "common/json/compact_text.h"
#include "common/json/json.h"
#include "common/json/members.h"
#include "common/posix/private_directory.h"
#include "common/posix/process_start.h"
#include "common/posix/signal_queue.h"
#include "common/spec/manifest.h"
#include "common/text/counted.h"
#include "common/text/presentable.h"
#include "runner/cli/child_process.h"
#include "runner/cli/data_process.h"
#include "runner/cli/run_directory.h"
#include "runner/cli/screen.h"
#include "runner/events/driver_log.h"
#include "runner/events/event_stream.h"
#include "runner/events/metric_words.h"
#include "runner/events/taken_over_words.h"
#include "runner/job/told_spec.h"
#include "runner/protocol/machine_token.h"
#include "runner/store/data_connection.h"

namespace parallelrun {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

// A process that ends by itself so often without the job getting on has a cause that a restart does not cure.
constexpr int kRestartsWithoutProgress = 5;
// A clean stop commits what was received; a stuck disk must not keep the terminal for longer than this.
constexpr seconds kStopGrace{15};

class Launcher {
 public:
  explicit Launcher(const LaunchOptions& options)
      : options_(options),
        display_({options.display, options.display == DisplayMode::kJson ? STDOUT_FILENO : STDERR_FILENO,
                  options.job.spec.name, true, seconds(10)},
                 Clock::now()),
        agents_(static_cast<std::size_t>(options.job.spec.node_count)),
        agent_restarts_(agents_.size(), 0),
        agent_epochs_(agents_.size(), 0) {}

  int run() {
    auto directory = make_run_directory();
    if (!directory) return refuse(directory.error().message);
    run_directory_.emplace(std::move(*directory));
    Result<std::string> secret = random_token();
    if (!secret) return refuse(secret.error().message);
    secret_ = std::move(*secret);
    if (!options_.stores.empty()) {
      if (const std::optional<int> refused = open_stores()) return *refused;
    }
    job_file_ = run_directory_->path() + "/job.json";
    {
      std::ofstream file(job_file_, std::ios::binary);
      nlohmann::json document = to_json(options_.job);
      if (!options_.submission.is_null()) document["submission"] = options_.submission;
      file << document.dump();
      if (!file.flush()) return refuse("cannot write '" + job_file_ + "': " + std::strerror(errno));
    }
    if (!start_orchestrator()) return kExitFailed;
    while (!done()) {
      wait();
      take_events();
      if (display_.write_error() != 0) lose_output(display_.write_error());
      take_signals();
      look_after_data();
      reap();
      enforce_stop_deadline();
    }
    display_.finish();
    if (data_) {
      data_->stop();
      if (const std::string words = data_->summary(); !words.empty()) log_.line(words);
    }
    return close();
  }

 private:
  bool done() const {
    return !orchestrator_ &&
           std::none_of(agents_.begin(), agents_.end(), [](const auto& agent) { return agent.has_value(); });
  }

  // Starts the data process and waits until every store was reached and all side inputs are here. An exit
  // code: the job cannot begin, and that has been said.
  std::optional<int> open_stores() {
    std::vector<std::string> withheld;
    environment_ = environment_without_credentials(options_.job.spec, options_.stores, withheld);
    data_.emplace(options_.program, run_directory_->path(), options_.data_directory);
    environment_->push_back(std::string(kDataSocketVariable) + "=" + data_->socket());
    if (const Status started = data_->start(options_.stores); !started)
      return refuse(started.error().message);
    if (!withheld.empty()) tell(withheld_in_words(withheld));
    while (true) {
      std::vector<pollfd> watched = {{stop_.descriptor(), POLLIN, 0}};
      data_->watch(watched);
      poll(watched.data(), watched.size(), data_->most_wait());
      const DataProcess::State state = take_data();
      if (state == DataProcess::State::kReady) return std::nullopt;
      if (state == DataProcess::State::kFailed) {
        refuse(data_->failure());
        return data_->refused() ? kExitInvalid : kExitFailed;
      }
      if (stop_.take() != 0) return kExitInterrupted;
    }
  }

  DataProcess::State take_data() {
    std::vector<std::string> notes;
    const DataProcess::State state = data_->take(notes);
    for (const std::string& note : notes) tell(note);
    return state;
  }

  void tell(const std::string& note) {
    log_.line(note);
    if (options_.display == DisplayMode::kJson) {
      display_.show({{"event", "note"}, {"message", note}}, Clock::now());
    } else {
      display_.say(note);
    }
  }

  void look_after_data() {
    if (!data_ || data_failed_) return;
    data_failed_ = take_data() == DataProcess::State::kFailed;
    if (data_failed_ && !finished_) give_up(data_->failure());
  }

  int refuse(const std::string& message) {
    complain(message);
    return kExitFailed;
  }

  bool start_orchestrator() {
    events_ = std::make_unique<EventStream>();
    std::vector<std::string> command = {
        options_.program, "orchestrator",           "--job", job_file_,    "--listen",
        endpoint(),       "--progress-fd",          "3",     "--token-fd", std::to_string(kSecretDescriptor),
        "--parent",       std::to_string(getpid()), "--run", run_};
    // A restarted orchestrator goes on with what the first one began: it must not clear it again.
    if (options_.overwrite && !was_ready_) command.emplace_back("--overwrite");
    if (options_.retry_failed && !was_ready_) command.emplace_back("--retry-failed");
    if (!options_.run_index.empty()) command.insert(command.end(), {"--run-index", options_.run_index});
    if (!options_.take_over.empty()) command.insert(command.end(), {"--take-over", options_.take_over});
    if (options_.explain_reuse && !was_ready_) command.emplace_back("--explain");
    auto started = ChildProcess::start({command, events_->writer(), secret_, -1, environment()});
    events_->close_writer();
    if (!started) {
      refuse(started.error().message);
      return false;
    }
    orchestrator_ = std::move(started).value();
    ++orchestrator_epoch_;
    log_.line(fmt::format("started orchestrator pid {}: {}", orchestrator_->pid(), fmt::join(command, " ")));
    return true;
  }

  // `predecessor`: how the one before it ended; empty: there was none, or it was sent away.
  void start_agent(std::size_t index, const std::string& predecessor = {}) {
    const std::string node = fmt::format("127.0.0.{}", index + 1);
    const std::string name = fmt::format("agent{:03}", index);
    std::vector<std::string> command = {
        options_.program,   "agent",
        "--connect",        endpoint(),
        "--name",           name,
        "--token-fd",       std::to_string(kSecretDescriptor),
        "--node",           node,
        "--log-directory",  options_.job.output_directory + "/logs/user/log_dir/" + node,
        "--machine-agent",  std::to_string(index),
        "--machine-agents", std::to_string(agents_.size()),
        "--parent",         std::to_string(getpid())};
    if (!predecessor.empty()) command.insert(command.end(), {"--predecessor-ended", predecessor});
    auto started =
        ChildProcess::start({command, -1, token_of_agent(secret_, name), log_.descriptor(), environment()});
    if (!started) {
      give_up(started.error().message);
      return;
    }
    agents_[index] = std::move(started).value();
    agent_epochs_[index] = orchestrator_epoch_;
    log_.line(
        fmt::format("started agent{:03} pid {}: {}", index, agents_[index]->pid(), fmt::join(command, " ")));
  }

  const std::vector<std::string>* environment() const { return environment_ ? &*environment_ : nullptr; }

  std::string endpoint() const { return "unix:" + run_directory_->path() + std::string(kOrchestratorSocket); }

  void wait() {
    std::vector<pollfd> watched = {{stop_.descriptor(), POLLIN, 0}};
    if (data_ && !data_failed_) data_->watch(watched);
    if (!events_ended_) watched.push_back({events_->reader(), POLLIN, 0});
    if (orchestrator_) watched.push_back({orchestrator_->descriptor(), POLLIN, 0});
    for (const auto& agent : agents_) {
      if (agent) watched.push_back({agent->descriptor(), POLLIN, 0});
    }
    int timeout = data_ && !data_failed_ ? data_->most_wait() : -1;
    if (stop_deadline_) {
      const auto left = std::chrono::duration_cast<milliseconds>(*stop_deadline_ - Clock::now()).count();
      const int until_then = static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000)) + 1;
      timeout = timeout < 0 ? until_then : std::min(timeout, until_then);
    }
    poll(watched.data(), watched.size(), timeout);
  }

  void take_events() {
    if (events_ended_) return;
    for (nlohmann::json& event : events_->take(events_ended_)) {
      const std::string kind = event.value("event", "");
      if (kind == "ready") {
        on_ready();
      } else if (kind == "progress") {
        // A failed try is progress, too: a mini-batch that takes agents down pays for each of them.
        const std::uint64_t got_on = job_progress_from_json(event).processed + count_at(event, "triesFailed");
        if (got_on > last_got_on_) {
          last_got_on_ = got_on;
          orchestrator_restarts_ = 0;
          std::fill(agent_restarts_.begin(), agent_restarts_.end(), 0);
        }
        display_.show(event, Clock::now());
      } else if (kind == "warning" || kind == "note") {
        const std::string message = (kind == "warning" ? "warning: " : "") + text_at(event, "message");
        log_.line(message);
        options_.display == DisplayMode::kJson ? display_.show(event, Clock::now()) : display_.say(message);
      } else if (kind == "agentGone" && text_at(event, "why").starts_with("silent")) {
        tell_of_silence(event);
      } else if (kind == "finished") {
        finished_ = std::move(event);
        // No agent was started, and so nothing was written there.
        if (text_at(*finished_, "reason") == "Reused") {
          open_log();
          log_.line(text_at(*finished_, "message"));
        }
        display_.show(*finished_, Clock::now());
      }
    }
  }

  void tell_of_silence(const nlohmann::json& event) {
    const std::uint64_t freed = count_at(event, "leasesFreed");
    std::string words = fmt::format("warning: {} is {}", text_at(event, "agent"), text_at(event, "why"));
    if (freed > 0)
      words += fmt::format(": {} {} handed to other agents", counted(freed, "mini-batch"),
                           freed == 1 ? "is" : "are");
    if (count_at(event, "agentsLeft") == 0) words += "; no agent is left, so the job waits until one answers";
    log_.line(words);
    display_.say(words);
  }

  // A program that reads the events must not take what is missing for what did not happen. The job goes on.
  void lose_output(int error) {
    if (std::exchange(output_lost_, true)) return;
    const std::string words = fmt::format("standard output cannot be written: {}", std::strerror(error));
    complain(words);
    log_.line(words);
  }

  void on_ready() {
    if (was_ready_) {
      // A restarted orchestrator. Agents that run find it by themselves; one that the last orchestrator had
      // sent away, for an end that did not become durable, is needed again.
      for (std::size_t i = 0; i < agents_.size(); ++i) {
        if (!agents_[i]) start_agent(i);
      }
      return;
    }
    was_ready_ = true;
    open_log();
    for (std::size_t i = 0; i < agents_.size(); ++i) start_agent(i);
  }

  // From here on the output directory is this job's.
  void open_log() {
    log_.open(options_.job.output_directory + "/logs/70_driver_log.txt");
    log_.line(fmt::format("job '{}' from '{}', {} x {}", options_.job.spec.name, options_.manifest,
                          counted(options_.job.spec.node_count, "node"),
                          counted(options_.job.spec.process_count_per_node, "process")));
    log_.line("spec: " + compact_text(told_spec(options_.job.spec)));
  }

  void take_signals() {
    while (const int number = stop_.take()) {
      if (stopping()) {
        display_.say("stopping at once");
        kill_all();
        continue;
      }
      interrupted_ = true;
      display_.say(
          "stopping: finished mini-batches are being committed (press Ctrl-C again to stop at once)");
      log_.line("interrupted by " + signal_name(number));
      begin_stop(number);
    }
  }

  bool stopping() const { return stop_deadline_.has_value(); }

  void begin_stop(int signal) {
    stop_deadline_ = Clock::now() + kStopGrace;
    if (orchestrator_) orchestrator_->signal(signal);
    if (!orchestrator_) stop_agents();
  }

  void stop_agents() {
    for (const auto& agent : agents_) {
      if (agent) agent->signal(SIGTERM);
    }
  }

  void kill_all() {
    if (orchestrator_) orchestrator_->kill_group();
    for (const auto& agent : agents_) {
      if (agent) agent->kill_group();
    }
  }

  void enforce_stop_deadline() {
    if (stop_deadline_ && Clock::now() >= *stop_deadline_) kill_all();
  }

  void give_up(const std::string& message) {
    if (!failure_) failure_ = message;
    log_.line("giving up: " + message);
    if (!stopping()) begin_stop(SIGTERM);
  }

  void reap() {
    if (orchestrator_) {
      if (const auto ended = orchestrator_->try_reap()) on_orchestrator_end(*ended);
    }
    for (std::size_t i = 0; i < agents_.size(); ++i) {
      if (!agents_[i]) continue;
      if (const auto ended = agents_[i]->try_reap()) on_agent_end(i, *ended);
    }
  }

  void on_orchestrator_end(const ExitStatus& ended) {
    take_events();  // its last words may still be in the pipe
    orchestrator_.reset();
    log_.line("orchestrator ended: " + ended.in_words());
    const bool by_itself = !ended.signaled;
    if (by_itself) exit_code_ = ended.code;
    if (by_itself || stopping()) {
      // Agents that had registered have left by now; one that had not would look for the orchestrator for
      // long.
      stop_agents();
      if (!stop_deadline_) stop_deadline_ = Clock::now() + kStopGrace;
      return;
    }
    // Killed: what an operator does with a lost pod. The journal holds everything that was acknowledged.
    if (++orchestrator_restarts_ > kRestartsWithoutProgress) {
      give_up(fmt::format("the orchestrator ended {} without progress. The last end: {}",
                          counted(orchestrator_restarts_, "time"), ended.in_words()));
      stop_agents();
      return;
    }
    display_.say("the orchestrator " + ended.with_verb() +
                 ": it is started again, and the job goes on from what was committed");
    events_ended_ = false;
    if (!start_orchestrator()) give_up("the orchestrator cannot be restarted");
  }

  void on_agent_end(std::size_t index, const ExitStatus& ended) {
    agents_[index].reset();
    log_.line(fmt::format("agent{:03} ended: {}", index, ended.in_words()));
    if (stopping() || finished_) return;
    if (!ended.signaled && ended.code == 0) {
      // Sent away. By an orchestrator that has been replaced since: the new one needs it.
      if (agent_epochs_[index] != orchestrator_epoch_ && orchestrator_) start_agent(index);
      return;
    }
    if (++agent_restarts_[index] > kRestartsWithoutProgress) {
      give_up(fmt::format(
          "agent{:03} ended {} without progress. The last end: {}. See {}/logs/70_driver_log.txt", index,
          counted(agent_restarts_[index], "time"), ended.in_words(), shown_output(options_.job)));
      return;
    }
    display_.say(fmt::format("agent{:03} {}: it is started again", index, ended.with_verb()));
    start_agent(index, ended.with_verb());
  }

  int close() {
    int code = exit_code_.value_or(kExitFailed);
    if (failure_) code = kExitFailed;
    if (interrupted_ && code != kExitComplete) code = kExitInterrupted;
    if (failure_) complain(*failure_);
    tell_result(code);
    if (output_lost_ && code == kExitComplete) code = kExitFailed;
    log_.line(fmt::format("exit code {}", code));
    return code;
  }

  void tell_result(int code) {
    if (finished_) {
      for (const std::string& line : metric_lines(*finished_)) log_.line(line);
    }
    // What was refused has been said by the orchestrator, and there is no result to tell of.
    if (options_.display == DisplayMode::kJson || code == kExitInvalid) return;
    if (finished_) {
      const std::string words = presentable_lines(closing_summary(*finished_, options_.job));
      const bool well = code == kExitComplete;
      if (!well) {
        std::fputs(marked(words, screen_of(STDERR_FILENO).colours).c_str(), stderr);
      } else if (options_.display != DisplayMode::kQuiet) {
        const bool written =
            std::fputs(marked(words, screen_of(STDOUT_FILENO).colours).c_str(), stdout) >= 0 &&
            std::fflush(stdout) == 0;
        if (!written && errno != EPIPE) lose_output(errno);
      }
    } else if (interrupted_) {
      std::fprintf(
          stderr,
          "Interrupted. Start the same command again, and the job goes on from what was committed.\n");
    }
  }

  LaunchOptions options_;
  std::optional<PrivateDirectory> run_directory_;
  const SignalQueue stop_{SIGINT, SIGTERM, SIGHUP};
  Display display_;
  DriverLog log_;
  std::string job_file_;
  std::string secret_;               // of this run; see machine_token.h
  std::optional<DataProcess> data_;  // where something lies in a store
  bool data_failed_ = false;
  std::optional<std::vector<std::string>> environment_;  // of orchestrator and agents; empty: ours
  std::unique_ptr<EventStream> events_;
  bool events_ended_ = false;
  std::optional<ChildProcess> orchestrator_;
  std::vector<std::optional<ChildProcess>> agents_;
  int orchestrator_restarts_ = 0;
  std::vector<int> agent_restarts_;
  int orchestrator_epoch_ = 0;     // counts its starts
  std::vector<int> agent_epochs_;  // orchestrator_epoch_ when each agent was started
  std::uint64_t last_got_on_ = 0;  // mini-batches processed, and tries failed
  bool was_ready_ = false;
  // Of this run among all that there are in an output directory.
  const std::string run_ =
      fmt::format("{}-{}", getpid(), std::chrono::system_clock::now().time_since_epoch().count());
  bool interrupted_ = false;
  bool output_lost_ = false;
  std::optional<std::string> failure_;
  std::optional<nlohmann::json> finished_;
  std::optional<int> exit_code_;
  std::optional<Clock::time_point> stop_deadline_;
};

}  // namespace

int launch(const LaunchOptions& options) {
  // `parallelrun run ... | head`: who no longer reads does not end the job.
  std::signal(SIGPIPE, SIG_IGN);
  return Launcher(options).run();
}

std::string closing_summary(const nlohmann::json& finished, const ResolvedJob& job) {
  const JobProgress progress = job_progress_from_json(finished);
  const std::string state = text_at(finished, "state");
  const std::string message = text_at(finished, "message");
  const std::string first_error = text_at(finished, "firstError");
  // "Complete, 180 of 600 items failed": nobody shall read the first word alone.
  const std::string failed = fmt::format("{} of {} failed", progress.items_failed,
                                         counted(progress.items_succeeded + progress.items_failed, "item"));
  const bool with_failures = state == "Complete" && progress.items_failed > 0;
  const bool says_so = message.starts_with(failed);
  std::string words = state;
  if (with_failures) words += ", " + (says_so ? std::string() : failed + (message.empty() ? "" : ": "));
  if (!with_failures && !message.empty()) words += ": ";
  words += message + "\n";
  if (progress.planned > 0) {
    words += fmt::format("  mini-batches  {} of {}{} processed, {} failed\n",
                         with_thousands(progress.processed), with_thousands(progress.planned),
                         progress.plan_complete ? "" : "+", with_thousands(progress.failed));
    words += fmt::format("  items         {} succeeded, {} failed\n",
                         with_thousands(progress.items_succeeded), with_thousands(progress.items_failed));
  }
  if (const auto taken = finished.find("takenOver"); taken != finished.end())
    words += "  taken over    " + taken_over_in_words(*taken) + "\n";
  const double duration = finished.value("durationSeconds", 0.0);
  if (duration > 0.0) {
    words += duration < 60.0 ? fmt::format("  time          {:.1f} s\n", duration)
                             : fmt::format("  time          {}\n",
                                           as_clock(seconds(static_cast<std::int64_t>(duration))));
  }
  if (!first_error.empty() && message.find(first_error) == std::string::npos)
    words += "  first error   " + first_error + "\n";
  const std::string out = shown_output(job);
  if (job.spec.output_action == OutputAction::kAppendRow) {
    const std::string file = out + "/" + job.spec.append_row_file_name;
    std::error_code ignored;
    const std::string here = job.output_directory + "/" + job.spec.append_row_file_name;
    // Some formats are made of what is committed when the job ends, and of no row no file is made.
    const bool there = std::filesystem::exists(here, ignored);
    words += "  output        " + file;
    words += there && (state != "Interrupted" || out == job.output_directory) ? "\n"
             : state == "Interrupted" ? " (it is made at the end of the job)\n"
                                      : " (no rows)\n";
  } else {
    words += "  output        " + out + "\n";
  }
  if (progress.items_failed > 0) {
    words += "  failed items  " + out + "/failed_items.jsonl\n";
    words += "  errors        " + out + "/logs/user/error.txt\n";
  }
  words += "  logs          " + out + "/logs (start with job_progress_overview.txt)\n";
  for (const std::string& line : metric_lines(finished)) words += "  " + presentable(line) + "\n";
  if (state == "Interrupted") words += "  go on         start the same command again\n";
  return words;
}

}  // namespace parallelrun
