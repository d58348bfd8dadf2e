#include "runner/agent/agent.h"

#include <signal.h>
#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "common/json/json.h"
#include "common/posix/private_directory.h"
#include "common/posix/process_start.h"
#include "common/posix/running_program.h"
#include "common/spec/size_text.h"
#include "common/text/presentable.h"
#include "runner/agent/agent_core.h"
#include "runner/agent/data_link.h"
#include "runner/agent/environment_request.h"
#include "runner/agent/http_transport.h"
#include "runner/agent/install_verdict.h"
#include "runner/agent/node_log.h"
#include "runner/agent/orchestrator_link.h"
#include "runner/agent/process_slots.h"
#include "runner/agent/python_environment.h"
#include "runner/agent/resource_monitor.h"
#include "runner/agent/worker_config.h"
#include "runner/job/code_watch.h"
#include "runner/job/resolved_job.h"
#include "runner/protocol/machine_token.h"
#include "runner/protocol/process_failure_types.h"
#include "runner/protocol/protocol_client.h"
#include "runner/store/data_connection.h"

namespace parallelrun {
namespace agent {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kTick{50};
constexpr std::chrono::seconds kStoodStill{5};        // worth a word
constexpr std::chrono::milliseconds kGoodbye{3'000};  // for the last report after SIGTERM

std::int64_t unix_minus_steady_us() {
  using std::chrono::duration_cast;
  using std::chrono::microseconds;
  return duration_cast<microseconds>(std::chrono::system_clock::now().time_since_epoch()).count() -
         duration_cast<microseconds>(now().time_since_epoch()).count();
}

std::vector<std::string> own_environment() {
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) out.emplace_back(*entry);
  return out;
}

// Wires the parts together; what each decides or does is its own business.
class Agent : public LinkUser {
 public:
  Agent(const AgentOptions& options, std::string program_directory)
      : options_(options),
        console_(options.console),
        programs_(std::move(program_directory)),
        signals_(io_, SIGTERM),
        tick_(io_),
        goodbye_(io_),
        install_timer_(io_) {}

  int run() {
    auto endpoint = parse_endpoint(options_.connect);
    if (!endpoint) return misused(endpoint.error().message);
    ProtocolClient::Options client;
    client.endpoint = *endpoint;
    client.tls = options_.tls;
    client.server_name = options_.tls_server_name;
    // Before anything is started that could inherit it.
    Result<std::string> proof = options_.token_fd >= 0 ? read_token(options_.token_fd) : random_token();
    if (!proof) return misused(proof.error().message);
    client.agent = options_.name;
    client.proof = std::move(*proof);
    auto transport = HttpTransport::create(io_, client);
    if (!transport) return misused(transport.error().message);
    transport_ = std::move(*transport);

    OrchestratorLink::Options link;
    link.registration.agent_name = options_.name;
    link.registration.node = options_.node;
    link.registration.slots = options_.processes;
    link.registration.code_hash = options_.code_hash;
    link.registration.predecessor_end = options_.predecessor_end;
    link.registration.fetched_side_inputs = options_.fetched_side_inputs;
    link.patience = options_.orchestrator_patience;
    link.refusal_patience = options_.refusal_patience;
    if (options_.console >= 0) logs_.set_console(console_);
    link_ = std::make_unique<OrchestratorLink>(link, *transport_, outbox_, logs_, *this);
    if (!is_ignored(SIGINT)) signals_.add(SIGINT);  // its set would take the place of an inherited "ignore"
    wait_for_signal();
    link_->start(now());
    tick();
    io_.run();
    console_.finish();
    return exit_status_;
  }

  // --- LinkUser ---

  bool on_registered(const RegisterReply& reply) override {
    if (!core_ && !take_job(reply.job)) return false;
    core_->on_session(reply.session_timeout, now());
    return true;
  }
  void on_session_ended(std::uint64_t /*session*/) override {
    // Its number is a secret of agent and orchestrator.
    spdlog::info("the session has ended; registering again");
  }
  void on_contact(Time sent) override { core_->on_contact(sent); }
  void on_lease_reply(LeaseReply reply) override { core_->on_lease_reply(std::move(reply), now()); }
  void on_directive(Directive directive) override { core_->on_directive(directive, now()); }
  std::uint32_t want() const override { return core_->want(); }
  void fill_counts(ReportRequest& report) override {
    report.processes_ready = core_->processes_ready();
    report.inits_succeeded = core_->inits_succeeded();
    report.slots_given_up = core_->slots_given_up();
    report.inside = core_->tell_inside();
  }
  bool counts_are_news() const override { return core_ && core_->inside_is_news(); }
  bool results_are_urgent() const override { return core_->idle(); }
  bool finished() const override { return core_ && core_->finished(); }
  void on_left() override { end(kAgentLeft); }
  void on_hopeless(std::string why) override {
    spdlog::error("{}: {}", options_.name, presentable(why));
    if (options_.on_failure && !ended_) options_.on_failure(presentable(why));
    end(kAgentFailed);
  }

 private:
  int misused(const std::string& why) {
    spdlog::error("{}: {}", options_.name, presentable(why));
    if (options_.on_failure) options_.on_failure(presentable(why));
    return kAgentMisused;
  }

  void end(int status) {
    if (ended_) return;
    ended_ = true;
    exit_status_ = status;
    io_.stop();
  }

  bool take_job(const std::string& text) {
    const auto document = nlohmann::json::parse(text, nullptr, false);
    auto job = document.is_discarded()
                   ? Result<ResolvedJob>(Error{ErrorCode::kCorrupt, "it is not JSON", false})
                   : resolved_job_from_json(document);
    if (!job) {
      on_hopeless("the job that the orchestrator sent cannot be used: " + job.error().message);
      return false;
    }
    job_ = std::move(*job);
    const Status settled = options_.settle ? options_.settle(job_) : Status();
    if (!settled && (settled.error().retryable || settled.error().code == ErrorCode::kConflict)) {
      on_hopeless(settled.error().message);
      return false;
    }
    const JobSpec& spec = job_.spec;
    const std::uint32_t slots = options_.processes != 0
                                    ? options_.processes
                                    : static_cast<std::uint32_t>(spec.process_count_per_node);
    node_log_.emplace(logs_, options_.node, slots, spec.logging_level);
    processes_ = std::make_unique<ProcessSlots>(io_, logs_, *node_log_, options_.node, slots);
    AgentCore::Options core;
    core.slots = slots;
    core.run_timeout = spec.run_invocation_timeout;
    core.overhead_timeout = spec.task_overhead_timeout;
    core.init_timeout = spec.init_timeout;
    core.max_mini_batches_per_process = static_cast<std::uint32_t>(spec.max_mini_batches_per_process);
    core.restart_after_failure = spec.restart_after_failure;
    core.unix_minus_steady_us = unix_minus_steady_us();
    if (const std::string socket = data_socket(); !socket.empty()) {
      data_.emplace(io_, job_, socket, [this](std::uint64_t attempt, FetchedData data) {
        core_->on_data(attempt, std::move(data), now());
        link_->pump(now());
      });
    }
    core_.emplace(core, *processes_, outbox_, *node_log_, data_ ? &*data_ : nullptr);
    processes_->bind(*core_, [this] { link_->pump(now()); });
    monitor_.emplace(io_,
                     ResourceMonitor::Options{exec_program(), options_.node, own_environment(),
                                              spec.resource_monitor_interval},
                     logs_, [this] { return processes_->pids(); });
    if (settled) {
      prepare(slots);
    } else {
      cannot_start(settled.error().message);
    }
    return true;
  }

  // No worker process can start anywhere: the job is told, and fails with that.
  void cannot_start(const std::string& why, std::string_view type = kEnvironmentError) {
    ProcessFailure failure;
    failure.process = "environment";
    failure.error = {ErrorPhase::kInit, std::string(type), why, ""};
    failure.fatal = true;
    outbox_.add(std::move(failure));
  }

  std::string exec_program() const { return programs_ + "/parallelrun-exec"; }

  void prepare(std::uint32_t slots) {
    prepare_environment(io_, environment_request(job_, own_environment(), {programs_, exec_program()}),
                        environment_log(), [this, slots](Result<PythonEnvironment> environment) {
                          if (!environment) return environment_failed(environment.error(), slots);
                          if (Status folder = make_log_directory(); !folder) {
                            cannot_start(folder.error().message);
                            return link_->pump(now());
                          }
                          start_processes(*environment, slots);
                        });
  }

  // What may pass is tried again; the job hears of each failure.
  void environment_failed(const Error& error, std::uint32_t slots) {
    const InstallVerdict verdict = !error.retryable                        ? InstallVerdict::kHopeless
                                   : error.code == ErrorCode::kUnavailable ? InstallVerdict::kPassing
                                                                           : InstallVerdict::kUnknown;
    const auto next = install_retries_.after(verdict);
    if (!next) {
      core_->on_environment_given_up();
      cannot_start(error.message);
      return link_->pump(now());
    }
    const auto pause = std::chrono::duration_cast<std::chrono::seconds>(next->pause);
    environment_log().append(fmt::format("trying again in {} s\n", pause.count()), now());
    ProcessFailure failure;
    failure.process = "environment";
    failure.error = {ErrorPhase::kInit, std::string(kEnvironmentError),
                     fmt::format("trying again in {} s: {}", pause.count(), error.message), ""};
    outbox_.add(std::move(failure));
    if (next->given_up) core_->on_environment_given_up();
    install_timer_.expires_after(next->pause);
    install_timer_.async_wait([this, slots](boost::system::error_code cancelled) {
      if (!cancelled) prepare(slots);
    });
    link_->pump(now());
  }

  LogBuffer& environment_log() {
    return logs_.stream(fmt::format("sys/node/{}/environment.txt", node_folder(options_.node)),
                        "environment");
  }

  // EntryScript.log_dir has to exist before a script writes there.
  Status make_log_directory() {
    if (options_.log_directory.empty()) {
      std::error_code no_place;
      auto made = PrivateDirectory::make(fs::temp_directory_path(no_place).string(), "parallelrun-agent");
      if (!made) return made.error();
      scratch_.emplace(std::move(*made));
      return {};
    }
    std::error_code error;
    fs::create_directories(options_.log_directory, error);
    if (!error) return {};
    return Error{ErrorCode::kIo, fmt::format("cannot make the folder of EntryScript.log_dir '{}': {}",
                                             options_.log_directory, error.message())};
  }

  void start_processes(const PythonEnvironment& environment, std::uint32_t slots) {
    ProcessSlots::Recipe recipe;
    recipe.exec_program = exec_program();
    recipe.argv = environment.argv;
    recipe.memory_limit = bytes_of_size(job_.spec.process_memory_limit).value_or(0);
    recipe.working_directory = fs::path(job_.script).parent_path().string();
    VariablesOfAgent variables{own_environment(), programs_ + "/python", environment.python,
                               options_.env_is_inherited};
    variables.gpus = find_gpu_devices();
    variables.first_process = options_.machine_agent * slots;
    variables.processes_in_total = options_.machine_agents * slots;
    const std::string& logs = options_.log_directory.empty() ? scratch_->path() : options_.log_directory;
    for (SlotIndex slot = 0; slot < slots; ++slot) {
      WorkerEnvironment of_slot = worker_environment(job_.spec, variables, slot);
      for (const GpuDeal& deal : of_slot.gpus) {
        environment_log().append(fmt::format("{}: {}\n", process_name(slot), deal.words), now());
      }
      recipe.environments.push_back(std::move(of_slot.variables));
      recipe.configs.push_back(worker_config(job_, options_.name, slot, logs));
    }
    auto watch = CodeWatch::begin(job_);
    if (!watch && watch.error().code == ErrorCode::kConflict) {
      cannot_start(watch.error().message, kCodeChanged);
      return link_->pump(now());
    }
    // Code that cannot be read is for the process to report, which loads it.
    if (watch) {
      recipe.code_change = [code = std::make_shared<CodeWatch>(std::move(*watch))] { return code->change(); };
    }
    processes_->prepare(std::move(recipe));
    core_->on_environment_ready(now());
    monitor_->start();
    link_->pump(now());
  }

  void tick() {
    const Time time = now();
    const Duration still = last_tick_ == Time{} ? Duration::zero() : time - last_tick_;
    last_tick_ = time;
    if (still > kStoodStill) {
      spdlog::warn(
          "{} stood still for {:.0f} s (the agent or the machine was stopped); the deadlines of its worker "
          "processes move by that time",
          options_.name, std::chrono::duration<double>(still).count());
    }
    if (core_) core_->advance(now());
    link_->pump(now());
    console_.pump();
    tick_.expires_after(kTick);
    tick_.async_wait([this](boost::system::error_code error) {
      if (!error) tick();
    });
  }

  void wait_for_signal() {
    signals_.async_wait([this](boost::system::error_code error, int) {
      if (error) return;
      // The second one, or a stop before there is a session to leave.
      if (stopping_ || !core_) return end(kAgentLeft);
      stopping_ = true;
      core_->stop(options_.stop_grace, now());
      link_->pump(now());
      goodbye_.expires_after(options_.stop_grace + kGoodbye);
      goodbye_.async_wait([this](boost::system::error_code cancelled) {
        if (!cancelled) end(kAgentLeft);
      });
      wait_for_signal();
    });
  }

  const AgentOptions& options_;
  Console console_;
  const std::string programs_;
  boost::asio::io_context io_{1};
  boost::asio::signal_set signals_;
  boost::asio::steady_timer tick_;
  Time last_tick_{};
  boost::asio::steady_timer goodbye_;
  boost::asio::steady_timer install_timer_;
  InstallRetries install_retries_;
  std::optional<PrivateDirectory> scratch_;  // where no log directory is given
  LogStreams logs_;
  Outbox outbox_;
  ResolvedJob job_;
  std::optional<NodeLog> node_log_;
  std::unique_ptr<ProcessSlots> processes_;
  std::optional<DataLink> data_;
  std::optional<AgentCore> core_;
  std::unique_ptr<HttpTransport> transport_;
  std::unique_ptr<OrchestratorLink> link_;
  std::optional<ResourceMonitor> monitor_;
  bool stopping_ = false;
  bool ended_ = false;
  int exit_status_ = kAgentFailed;
};

}  // namespace
}  // namespace agent

int run_agent(const AgentOptions& options) {
  std::string programs = options.program_directory;
  if (programs.empty()) programs = std::filesystem::path(running_program()).parent_path().string();
  ::signal(SIGPIPE, SIG_IGN);
  return agent::Agent(options, std::move(programs)).run();
}

}  // namespace parallelrun
