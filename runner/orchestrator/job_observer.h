// What the core tells of as it happens, for the log files of the output directory. Called on the core's
// thread; an implementation must neither block nor call back into the core.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runner/progress/progress.h"
#include "runner/protocol/messages.h"

namespace parallelrun::orchestrator {

struct AgentView {
  std::uint64_t session = 0;
  std::string name;
  std::string node;
  std::uint32_t slots = 0;
};

// An agent that should be heard of and is not.
struct Silence {
  AgentView agent;
  std::chrono::seconds silent{0};
  std::uint64_t mini_batches = 0;  // that it holds, or held
  // Until they are handed to others; zero or less: they were, so long ago.
  std::chrono::seconds handed_over_in{0};
};
// "agent001 on 127.0.0.2 has not answered for 7 s; its 3 mini-batches are handed to others in 3 s".
std::string in_words(const Silence& silence);

class JobObserver {
 public:
  virtual ~JobObserver() = default;

  virtual void on_agent_came(const AgentView&) {}
  // `why`: "left", "silent for 15.0 s", "came back as a new session".
  virtual void on_agent_gone(const AgentView&, std::string_view /*why*/, std::uint64_t /*leases_freed*/) {}
  // Half of the time is over after which an agent counts as lost.
  virtual void on_agent_silent(const Silence&) {}
  // One that was said to be silent is heard of again, in time.
  virtual void on_agent_answers(const AgentView&) {}
  // It was inside run() when `losses` agents were lost, this one the last: it runs alone from now on.
  virtual void on_suspect(const AgentView&, WorkId, std::uint32_t /*losses*/) {}
  // Bytes for the log tree, once each: a report that is sent again does not bring its logs again.
  virtual void on_logs(const AgentView&, std::vector<LogChunk>&&) {}
  // A charged failure of a try; `tries` counts it. `final`: the items of the mini-batch count as failed.
  virtual void on_try_failed(const AgentView&, const AttemptResult&, std::uint32_t /*tries*/,
                             bool /*final*/) {}
  // Its tries have all failed, and its two halves are tried next; `items` has those of each. Else, with
  // `why`: it cannot be split, and its items count as failed.
  virtual void on_split(WorkId, const std::vector<std::uint64_t>& /*items*/, const std::string& /*why*/) {}
  // A success that counts failed items; `error` is its shortfall_error().
  virtual void on_shortfall(const AgentView&, const AttemptResult&, const ScriptError& /*error*/) {}
  // A mini-batch of a file that was read as a whole, and that had no record: `run` was not called.
  virtual void on_nothing_to_read(const MiniBatch&) {}
  // Results that came with no seal of a lease of this agent: they count for nothing.
  virtual void on_refused_results(const AgentView&, std::uint64_t /*results*/) {}
  virtual void on_process_failure(const AgentView&, const ProcessFailure&) {}
  virtual void on_types_decided(const InputInfo&) {}
  // The end is decided (not yet durable): nothing new is handed out.
  virtual void on_ending(const JobResult&) {}
};

}  // namespace parallelrun::orchestrator
