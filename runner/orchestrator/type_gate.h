// Column types are one decision for each tabular input: before its first mini-batch is leased, one agent
// infers them from a sample, and the reply is made durable. A column without any value in the sample gets its
// type later, with its first value: until then nothing has been read under its type, so the decision stays
// one. Pure but for the SampleSource; one thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "runner/orchestrator/plan_view.h"
#include "runner/protocol/messages.h"

namespace parallelrun::orchestrator {

class TypeGate {
 public:
  // `decided`: by earlier epochs. `samples` must outlive the gate. [run_max_try] bounds failed tries of an
  // input.
  TypeGate(SampleSource& samples, std::size_t inputs, std::map<std::uint32_t, InputInfo> decided,
           std::uint32_t run_max_try);

  // Asks for the samples that are still missing. Errors: those of the SampleSource.
  Status refresh();

  // Its mini-batches may be leased.
  bool open(std::uint32_t input) const { return inputs_[input].state == State::kOpen; }
  // What a session must know before it gets a lease of this input; null: nothing.
  const InputInfo* info(std::uint32_t input) const;
  std::size_t inputs() const { return inputs_.size(); }

  // Work for `session`, or nothing. `avoid_repeat`: nothing that has failed on this very session.
  std::optional<Lease> lease(std::uint64_t attempt, std::uint64_t session, bool avoid_repeat);

  enum class Verdict {
    kDropped,    // not the attempt that is leased
    kAgain,      // failed or handed back; another lease follows
    kExhausted,  // failed run_max_try times: the job fails with the result's error
    kDecided,    // types() has grown: to be made durable, then recorded()
  };
  // A reply that is no column types becomes a failure with an error of its own in `result`.
  Verdict on_result(AttemptResult& result);
  void on_session_end(std::uint64_t session);

  enum class Widening {
    kWidened,  // types() has changed: to be made durable, then recorded(); sessions must be told again
    kKnown,    // the attempt was made before a widening: it is to be made again
    kUseless,  // the types that the attempt knew say all that `reply` says
  };
  // A mini-batch of `input` has values in columns whose type is not decided: `reply` is JSON {"types":
  // {...}}. `attempt` is the one that says so, `next` the number of the next one.
  Widening widen(std::uint32_t input, const std::string& reply, std::uint64_t attempt, std::uint64_t next);
  // A decision is not durable yet: no mini-batch may be leased that it could concern.
  bool deciding() const;

  // All decisions, durable or not.
  std::vector<InputInfo> types() const;
  // What was decided before the group was taken is durable: those inputs are open.
  void mark_taken();
  void recorded();

 private:
  enum class State { kUnknown, kWanted, kLeased, kDecided, kTaken, kOpen };
  struct Input {
    State state = State::kUnknown;
    std::string descriptor;
    std::uint32_t failed_tries = 0;
    std::uint64_t attempt = 0;
    std::uint64_t session = 0;
    std::uint64_t failed_on = 0;
    std::optional<InputInfo> info;
    std::uint64_t widened_before = 0;  // the first attempt that knows of the last widening
  };

  SampleSource& samples_;
  std::uint32_t run_max_try_;
  std::vector<Input> inputs_;
};

}  // namespace parallelrun::orchestrator
