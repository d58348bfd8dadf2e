#include "runner/orchestrator/server/job_events.h"

#include <utility>

namespace parallelrun::orchestrator {

void JobEvents::on_agent_came(const AgentView& agent) {
  ++agents_;
  logs_.on_agent_came(agent);
  stream_.tell({{"event", "agentCame"}, {"agent", agent.name}, {"node", agent.node}, {"slots", agent.slots}});
}

void JobEvents::on_agent_gone(const AgentView& agent, std::string_view why, std::uint64_t leases_freed) {
  --agents_;
  logs_.on_agent_gone(agent, why, leases_freed);
  stream_.tell({{"event", "agentGone"},
                {"agent", agent.name},
                {"node", agent.node},
                {"why", why},
                {"leasesFreed", leases_freed},
                {"agentsLeft", agents_}});
}

void JobEvents::on_agent_silent(const Silence& silence) {
  logs_.on_agent_silent(silence);
  stream_.tell({{"event", "warning"}, {"message", in_words(silence)}});
}

void JobEvents::on_agent_answers(const AgentView& agent) {
  logs_.on_agent_answers(agent);
  stream_.tell({{"event", "note"}, {"message", one_line(agent.name) + " answers again"}});
}

void JobEvents::on_suspect(const AgentView& agent, WorkId id, std::uint32_t losses) {
  logs_.on_suspect(agent, id, losses);
  stream_.tell({{"event", "warning"}, {"message", suspect_in_words(id, losses)}});
}

void JobEvents::on_logs(const AgentView& agent, std::vector<LogChunk>&& logs) {
  for (const LogChunk& chunk : logs) {
    if (auto words = installation_.told_by(agent, chunk, std::chrono::steady_clock::now()))
      stream_.tell({{"event", "note"}, {"message", std::move(*words)}});
  }
  logs_.on_logs(agent, std::move(logs));
}

void JobEvents::on_try_failed(const AgentView& agent, const AttemptResult& result, std::uint32_t tries,
                              bool final) {
  logs_.on_try_failed(agent, result, tries, final);
  nlohmann::json event = {{"tries", tries}, {"final", final}};
  if (result.kind == LeaseKind::kRun) {
    event["miniBatch"] = result.work.mini_batch.value;
    if (result.work.part != 0) event["part"] = result.work.part;
  }
  tell_error(agent, result.process, result.error, std::move(event));
}

void JobEvents::on_split(WorkId work, const std::vector<std::uint64_t>& items, const std::string& why) {
  logs_.on_split(work, items, why);
}

void JobEvents::on_shortfall(const AgentView& agent, const AttemptResult& result, const ScriptError& error) {
  logs_.on_shortfall(agent, result, error);
  tell_error(agent, result.process, error, nlohmann::json::object());
}

void JobEvents::on_refused_results(const AgentView& agent, std::uint64_t results) {
  logs_.on_refused_results(agent, results);
  stream_.tell({{"event", "resultsRefused"}, {"agent", agent.name}, {"results", results}});
}

void JobEvents::on_process_failure(const AgentView& agent, const ProcessFailure& failure) {
  logs_.on_process_failure(agent, failure);
  stream_.start_failure(one_line(agent.name) + ": " + one_line(failure.error, kLongestStartFailure));
  tell_error(agent, failure.process, failure.error, nlohmann::json::object());
}

void JobEvents::on_types_decided(const InputInfo& info) { logs_.on_types_decided(info); }

void JobEvents::on_nothing_to_read(const MiniBatch& mini_batch) {
  PassedCounts& counts = without_records_[mini_batch.input];
  counts.add(PassedKind::kWithoutRecords, object_of_(mini_batch));
  for (const PassedOver& passed : counts.of_input(mini_batch.input, false))
    stream_.left_out(input_names_.at(passed.input), passed);
}

// Said once, with the final count: a warning for each of a thousand files would hide the others.
void JobEvents::on_ending(const JobResult& result) {
  logs_.on_ending(result);
  for (const auto& [input, counts] : std::exchange(without_records_, {})) {
    for (const PassedOver& passed : counts.of_input(input, false)) {
      const std::string words = sentence(passed, input_names_.at(input));
      logs_.alert(words);
      stream_.tell({{"event", "warning"}, {"message", words}});
    }
  }
}

void JobEvents::tell_error(const AgentView& agent, std::string_view process, const ScriptError& error,
                           nlohmann::json event) {
  if (errors_ == kErrorsTold) return;
  ++errors_;
  event["event"] = "error";
  event["agent"] = agent.name;
  event["process"] = process;
  event["phase"] = to_string(error.phase);
  event["error"] = one_line(error, kLongestText);
  event["last"] = errors_ == kErrorsTold;
  stream_.tell(event);
}

}  // namespace parallelrun::orchestrator
