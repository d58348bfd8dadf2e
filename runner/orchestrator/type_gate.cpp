#include "runner/orchestrator/type_gate.h"

#include <algorithm>
#include <utility>

#include "runner/plan/column_types.h"

namespace parallelrun::orchestrator {

TypeGate::TypeGate(SampleSource& samples, std::size_t inputs, std::map<std::uint32_t, InputInfo> decided,
                   std::uint32_t run_max_try)
    : samples_(samples), run_max_try_(run_max_try), inputs_(inputs) {
  for (auto& [input, info] : decided) {
    if (input >= inputs_.size()) continue;
    inputs_[input].info = std::move(info);
    inputs_[input].state = State::kOpen;
  }
}

Status TypeGate::refresh() {
  for (std::uint32_t i = 0; i < inputs_.size(); ++i) {
    Input& input = inputs_[i];
    if (input.state != State::kUnknown) continue;
    auto sample = samples_.sample(i);
    if (!sample) return sample.error();
    if (sample->need == SampleSource::Need::kNone) {
      input.state = State::kOpen;
    } else if (sample->need == SampleSource::Need::kSample) {
      input.state = State::kWanted;
      input.descriptor = std::move(sample->descriptor);
    }
  }
  return {};
}

const InputInfo* TypeGate::info(std::uint32_t input) const {
  const auto& info = inputs_[input].info;
  return info ? &*info : nullptr;
}

std::optional<Lease> TypeGate::lease(std::uint64_t attempt, std::uint64_t session, bool avoid_repeat) {
  for (std::uint32_t i = 0; i < inputs_.size(); ++i) {
    Input& input = inputs_[i];
    if (input.state != State::kWanted || (avoid_repeat && input.failed_on == session)) continue;
    input.state = State::kLeased;
    input.attempt = attempt;
    input.session = session;
    Lease lease;
    lease.kind = LeaseKind::kInferTypes;
    lease.attempt = attempt;
    lease.input = i;
    lease.try_number = input.failed_tries + 1;
    lease.descriptor = input.descriptor;
    return lease;
  }
  return std::nullopt;
}

TypeGate::Verdict TypeGate::on_result(AttemptResult& result) {
  for (std::uint32_t i = 0; i < inputs_.size(); ++i) {
    Input& input = inputs_[i];
    if (input.state != State::kLeased || input.attempt != result.attempt) continue;
    input.state = State::kWanted;
    if (result.outcome == Outcome::kReturned) return Verdict::kAgain;
    if (result.outcome == Outcome::kSucceeded) {
      auto info = input_info_of(i, result.rows);
      if (info) {
        input.info = std::move(info).value();
        input.state = State::kDecided;
        input.descriptor.clear();
        return Verdict::kDecided;
      }
      result.outcome = Outcome::kFailed;
      result.error = {ErrorPhase::kRead, "TypeInference", info.error().message, {}};
    }
    input.failed_on = input.session;
    return ++input.failed_tries >= run_max_try_ ? Verdict::kExhausted : Verdict::kAgain;
  }
  return Verdict::kDropped;
}

void TypeGate::on_session_end(std::uint64_t session) {
  for (Input& input : inputs_) {
    if (input.state == State::kLeased && input.session == session) input.state = State::kWanted;
  }
}

TypeGate::Widening TypeGate::widen(std::uint32_t index, const std::string& reply, std::uint64_t attempt,
                                   std::uint64_t next) {
  if (index >= inputs_.size() || !inputs_[index].info) return Widening::kUseless;
  Input& input = inputs_[index];
  auto info = widened(*input.info, reply);
  if (!info) return Widening::kUseless;
  if (!*info) return attempt < input.widened_before ? Widening::kKnown : Widening::kUseless;
  input.info = std::move(*info);
  input.state = State::kDecided;
  input.widened_before = next;
  return Widening::kWidened;
}

bool TypeGate::deciding() const {
  return std::any_of(inputs_.begin(), inputs_.end(), [](const Input& input) {
    return input.state == State::kDecided || input.state == State::kTaken;
  });
}

std::vector<InputInfo> TypeGate::types() const {
  std::vector<InputInfo> all;
  for (const Input& input : inputs_) {
    if (input.info) all.push_back(*input.info);
  }
  return all;
}

void TypeGate::mark_taken() {
  for (Input& input : inputs_) {
    if (input.state == State::kDecided) input.state = State::kTaken;
  }
}

void TypeGate::recorded() {
  for (Input& input : inputs_) {
    if (input.state == State::kTaken) input.state = State::kOpen;
  }
}

}  // namespace parallelrun::orchestrator
