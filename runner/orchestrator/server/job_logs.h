// What the orchestrator writes below logs/: job_progress_overview.txt, sys/master_role.txt, user/error.txt,
// user/error/, and the bytes that agents ship. Observes the core; one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/spec/job_spec.h"
#include "runner/orchestrator/job_observer.h"
#include "runner/orchestrator/server/error_summary.h"
#include "runner/orchestrator/server/log_allowance.h"
#include "runner/orchestrator/server/log_writer.h"
#include "runner/orchestrator/server/metrics.h"
#include "runner/orchestrator/server/overview.h"

namespace spdlog {
class logger;
}

namespace parallelrun::orchestrator {

class JobLogs final : public JobObserver {
 public:
  struct Options {
    std::string directory;  // absolute path of logs/
    std::string job_name;
    std::vector<std::string> input_names;      // [inputs] in the order of JobSpec::inputs
    LoggingLevel level = LoggingLevel::kInfo;  // [logging_level] of sys/master_role.txt
    std::uint32_t run_max_try = 3;
    std::uint64_t processed_before = 0;                  // mini-batches
    nlohmann::json datasets = nlohmann::json::object();  // as Overview has them
    nlohmann::json taken_over = {};                      // as Overview has it
  };

  // Starts the writer's thread. Text of an earlier start is kept: below the new one in the two files that
  // are written anew.
  explicit JobLogs(const Options& options);
  ~JobLogs() override;
  JobLogs(const JobLogs&) = delete;
  JobLogs& operator=(const JobLogs&) = delete;

  // A line in sys/master_role.txt, whatever the level: what a job is and how it ended.
  void note(const std::string& line);
  // A line in sys/master_role.txt.
  void warn(const std::string& line);
  // A request that was not let in, `agent` being what it says of itself. Counted, and told at times.
  void refused_caller(const std::string& agent, const std::string& why);
  // The same, and a line in every job_progress_overview.txt from now on.
  void alert(const std::string& line);

  // Once for each change of the plan's extent; the log gets a line at most every few seconds.
  void on_plan(std::uint64_t mini_batches, bool complete);
  // Brings the two summaries up to date, at most once a second.
  void refresh(const Progress& progress, const std::vector<Silence>& silences);
  // The last word. Both summaries are queued at once.
  void finish(const Progress& progress, const std::optional<JobResult>& result);
  // Of what scripts logged with Run since this start; see metrics.h.
  const Metrics& metrics() const { return metrics_; }

  void on_agent_came(const AgentView& agent) override;
  void on_agent_gone(const AgentView& agent, std::string_view why, std::uint64_t leases_freed) override;
  void on_agent_silent(const Silence& silence) override;
  void on_agent_answers(const AgentView& agent) override;
  void on_suspect(const AgentView& agent, WorkId id, std::uint32_t losses) override;
  void on_logs(const AgentView& agent, std::vector<LogChunk>&& logs) override;
  void on_try_failed(const AgentView& agent, const AttemptResult& result, std::uint32_t tries,
                     bool final) override;
  void on_split(WorkId work, const std::vector<std::uint64_t>& items, const std::string& why) override;
  void on_shortfall(const AgentView& agent, const AttemptResult& result, const ScriptError& error) override;
  void on_refused_results(const AgentView& agent, std::uint64_t results) override;
  void on_process_failure(const AgentView& agent, const ProcessFailure& failure) override;
  void on_types_decided(const InputInfo& info) override;
  void on_ending(const JobResult& result) override;

 private:
  using Clock = std::chrono::steady_clock;

  void add_error(const ScriptError& error, const ErrorSummary::Occurrence& occurrence);
  void write_overview(const Progress& progress, const std::optional<JobResult>& result);
  void write_errors();
  bool may_tell_of_failure();

  const Options options_;
  LogWriter writer_;
  std::shared_ptr<spdlog::logger> master_;
  std::shared_ptr<spdlog::logger> milestones_;  // the same file, not filtered
  Overview overview_;
  ErrorSummary errors_;
  std::string earlier_overview_;
  std::string earlier_errors_;
  nlohmann::json earlier_errors_json_;  // null: there were none
  const Clock::time_point started_;
  Clock::time_point refreshed_{};
  Clock::time_point plan_told_{};
  Clock::time_point window_{};  // of the failed tries that are told one by one
  std::uint32_t told_in_window_ = 0;
  std::uint64_t untold_ = 0;
  std::uint64_t lost_told_ = 0;  // bytes
  std::optional<Progress> shown_;
  bool errors_changed_ = false;
  LogAllowance allowance_;
  Metrics metrics_;
  std::uint64_t refused_paths_ = 0;
  std::uint64_t refused_results_ = 0;
  std::uint64_t refused_callers_ = 0;
};

// "mini-batch 7 was inside run() when 2 agents were lost: ...".
std::string suspect_in_words(WorkId id, std::uint32_t losses);

// UTC, "2024-01-31T12:00:00Z".
std::string utc_now();

}  // namespace parallelrun::orchestrator
