// What the core tells of as it happens, for the log files of the output directory. Called on the core's
// thread; an implementation must neither block nor call back into the core.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runner/orchestrator/progress.h"
#include "runner/protocol/messages.h"

namespace parallelrun::orchestrator {

struct AgentView {
  std::uint64_t session = 0;
  std::string name;
  std::string node;
  std::uint32_t slots = 0;
};

class JobObserver {
 public:
  virtual ~JobObserver() = default;

  virtual void on_agent_came(const AgentView&) {}
  // `why`: "left", "silent for 15.0 s", "came back as a new session".
  virtual void on_agent_gone(const AgentView&, std::string_view /*why*/, std::uint64_t /*leases_freed*/) {}
  // Bytes for the log tree, once each: a report that is sent again does not bring its logs again.
  virtual void on_logs(const AgentView&, std::vector<LogChunk>&&) {}
  // A charged failure of a try; `tries` counts it. `final`: the items of the mini-batch count as failed.
  virtual void on_try_failed(const AgentView&, const AttemptResult&, std::uint32_t /*tries*/,
                             bool /*final*/) {}
  // A success that counts failed items; `error` is its shortfall_error().
  virtual void on_shortfall(const AgentView&, const AttemptResult&, const ScriptError& /*error*/) {}
  // Results that came with no seal of a lease of this agent: they count for nothing.
  virtual void on_refused_results(const AgentView&, std::uint64_t /*results*/) {}
  virtual void on_process_failure(const AgentView&, const ProcessFailure&) {}
  virtual void on_types_decided(const InputInfo&) {}
  // The end is decided (not yet durable): nothing new is handed out.
  virtual void on_ending(const JobResult&) {}
};

}  // namespace parallelrun::orchestrator
