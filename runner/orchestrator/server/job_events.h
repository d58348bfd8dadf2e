// What the core tells of, once for the log tree and once as events for whoever runs this process: workers
// that came and went, and the first failures. Bounded: a job with a million errors tells of the first ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runner/orchestrator/job_observer.h"
#include "runner/orchestrator/server/installation_news.h"
#include "runner/orchestrator/server/job_logs.h"
#include "runner/orchestrator/server/progress_stream.h"
#include "runner/plan/passed_over.h"

namespace parallelrun::orchestrator {

class JobEvents final : public JobObserver {
 public:
  static constexpr std::size_t kErrorsTold = 20;
  static constexpr std::size_t kLongestText = 2000;         // bytes of a message
  static constexpr std::size_t kLongestStartFailure = 600;  // of status.progress

  // The path of the file of a mini-batch, below its input.
  using ObjectOf = std::function<std::string(const MiniBatch&)>;

  // The first two must outlive this. `input_names`: in the order of JobSpec::inputs.
  JobEvents(JobLogs& logs, ProgressStream& stream, std::vector<std::string> input_names, ObjectOf object_of)
      : logs_(logs),
        stream_(stream),
        input_names_(std::move(input_names)),
        object_of_(std::move(object_of)) {}

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
  void on_nothing_to_read(const MiniBatch& mini_batch) override;
  void on_refused_results(const AgentView& agent, std::uint64_t results) override;
  void on_process_failure(const AgentView& agent, const ProcessFailure& failure) override;
  void on_types_decided(const InputInfo& info) override;
  void on_ending(const JobResult& result) override;

 private:
  void tell_error(const AgentView& agent, std::string_view process, const ScriptError& error,
                  nlohmann::json event);

  JobLogs& logs_;
  ProgressStream& stream_;
  const std::vector<std::string> input_names_;
  const ObjectOf object_of_;
  InstallationNews installation_;
  std::map<std::uint32_t, PassedCounts> without_records_;  // by input
  std::size_t errors_ = 0;
  std::uint64_t agents_ = 0;  // that take part
};

}  // namespace parallelrun::orchestrator
