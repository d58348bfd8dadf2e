// What becomes of a result: committed, tried again, or dropped.
#include <algorithm>
#include <utility>

#include "common/json/json.h"
#include "runner/orchestrator/lease_seal.h"
#include "runner/orchestrator/orchestrator.h"
#include "runner/output/failed_items.h"
#include "runner/protocol/process_failure_types.h"

namespace parallelrun::orchestrator {

const std::string& Orchestrator::input_name(std::uint32_t input) const {
  static const std::string kNone;
  return input < options_.input_names.size() ? options_.input_names[input] : kNone;
}

// Whether the attempt can be one of ours, and of the mini-batch as the plan has it today: what an earlier
// epoch had planned but not made durable may have been cut differently since.
bool Orchestrator::genuine(const AttemptResult& result, bool in_book) const {
  const std::uint64_t epoch = result.attempt >> 32U;
  if (epoch > job_.epoch) return false;
  if (epoch == job_.epoch) return in_book && (result.attempt & 0xFFFFFFFFU) < next_attempt_;
  return std::all_of(job_.epochs.begin(), job_.epochs.end(), [&](const EpochStart& later) {
    return later.epoch <= epoch || result.work.mini_batch.value < later.plan_length;
  });
}

std::uint64_t Orchestrator::seal(std::string_view agent, LeaseKind kind, std::uint64_t attempt,
                                 WorkId id) const {
  return seal_of(options_.seal_key, agent, kind, attempt, id);
}

void Orchestrator::take_result(Session& session, AttemptResult& result) {
  if (!accepts_results()) return;
  run_us_ += result.run_us;
  if (result.kind == LeaseKind::kInferTypes) return take_types(session, result);
  LeaseBook::Entry* entry = book_.find(result.work);
  if (result.outcome == Outcome::kSucceeded) {
    if (ledger_.is_open(result.work) && genuine(result, entry != nullptr))
      take_success(session, result, entry);
    return;
  }
  // Only the attempt that is leased now can fail or come back.
  if (entry == nullptr || entry->attempt == 0 || entry->attempt != result.attempt) return;
  if (result.outcome == Outcome::kReturned || ending_) {
    if (result.outcome == Outcome::kReturned && result.started_unix_us != 0)
      session.cut_off.push_back(result.work);
    book_.release(*entry, true);
    look_for_work_ = true;
    return;
  }
  if (result.outcome == Outcome::kUndecided && take_undecided(result, *entry)) return;
  take_failure(session.agent, result, *entry);
}

// Whether the mini-batch is to be read again under other types. Else it is a failure like any other: it would
// come back for ever.
bool Orchestrator::take_undecided(const AttemptResult& result, LeaseBook::Entry& entry) {
  const std::uint32_t input = entry.mini_batch.input;
  // Under the new types nothing may be read before they are durable: a retry has to wait like a first lease.
  const auto widening = gate_.widen(input, result.rows, result.attempt, (job_.epoch << 32U) | next_attempt_);
  if (widening == TypeGate::Widening::kUseless) return false;
  if (widening == TypeGate::Widening::kWidened) {
    pending_.types = gate_.types();
    for (auto& [id, session] : sessions_) session.infos.erase(input);
    observer_.on_types_decided(*gate_.info(input));
  }
  book_.release(entry, true);
  look_for_work_ = true;
  return true;
}

// Whether the rows fit those that are committed. Else the try has failed, and so would every other: the
// mini-batch fails and nothing of it is written.
bool Orchestrator::admit_rows(const Session& session, AttemptResult& result, LeaseBook::Entry* entry) {
  if (options_.row_check == nullptr) return true;
  const Status fits = options_.row_check->admit(result.rows);
  if (fits) return true;
  // Of another attempt than the one that is leased now: that one will end the same way.
  if (entry == nullptr || entry->attempt == 0 || entry->attempt != result.attempt) return false;
  result.outcome = Outcome::kFailedForGood;
  result.rows.clear();
  result.error = {ErrorPhase::kResult, "ColumnsDiffer", fits.error().message, {}};
  take_failure(session.agent, result, *entry);
  return false;
}

void Orchestrator::take_success(const Session& session, AttemptResult& result, LeaseBook::Entry* entry) {
  if (!admit_rows(session, result, entry)) return;
  // The plan does not know the items of a file that cannot be cut.
  const bool known = entry != nullptr && entry->mini_batch.items > 0;
  const std::uint64_t items = known ? entry->mini_batch.items : result.items;
  if (entry != nullptr && items == 0) observer_.on_nothing_to_read(entry->mini_batch);
  const std::uint64_t returned = std::min(result.returned, items);
  if (returned < items) {
    const std::string& input = entry != nullptr ? input_name(entry->mini_batch.input) : input_name(~0U);
    const auto named = entry != nullptr ? source_.items_of(entry->mini_batch) : nlohmann::ordered_json();
    pending_.failed_items += shortfall_line(result.work, named, input, items, returned);
    const ScriptError error = shortfall_error(result.work, input, items, returned);
    first_errors_.add(error);
    observer_.on_shortfall(session.agent, result, error);
  }
  if (options_.output_action == OutputAction::kAppendRow && !result.rows.empty()) {
    pending_.rows.push_back(std::move(result.rows));
    pending_.rows_of.push_back(result.work);
  }
  record({CommitEntry::Kind::kSucceeded, result.work, result.attempt, items, items - returned});
  script_works_ = true;
  job_.tries.erase(result.work);
  if (entry == nullptr) return;
  // Another try of it may be running: it is of no use any more.
  if (entry->attempt != 0 && entry->attempt != result.attempt) {
    if (Session* holder = live(entry->session)) {
      holder->revoked.push_back(entry->attempt);
      look_for_work_ = true;
    }
  }
  book_.erase(*entry);
}

void Orchestrator::take_failure(const AgentView& agent, AttemptResult& result, LeaseBook::Entry& entry) {
  MiniBatch& mini_batch = entry.mini_batch;
  if (mini_batch.items == 0) mini_batch.items = result.items;
  const bool last = ++entry.failed_tries >= tries_of(entry) || result.outcome == Outcome::kFailedForGood;
  const bool halved = last && may_be_split(entry);
  // What could not be read could not be counted, but something in it has failed.
  if (last && mini_batch.items == 0) mini_batch.items = 1;
  observer_.on_try_failed(agent, result, entry.failed_tries, last && !halved);
  if (halved) return split(result, entry);
  if (!last) {
    record({CommitEntry::Kind::kTryFailed, entry.work(), result.attempt, mini_batch.items, mini_batch.items});
    entry.failed_on = agent.session;
    const Duration delay = retry_delay(entry.failed_tries);
    if (delay > Duration::zero()) {
      book_.release_at(entry, now_ + delay);
    } else {
      book_.release(entry, false);
    }
    look_for_work_ = true;
    return;
  }
  fail_for_good(result.error, result.attempt, entry);
}

void Orchestrator::fail_for_good(const ScriptError& error, std::uint64_t attempt, LeaseBook::Entry& entry) {
  const MiniBatch& mini_batch = entry.mini_batch;
  record({CommitEntry::Kind::kFailed, entry.work(), attempt, mini_batch.items, mini_batch.items});
  first_errors_.add(error);
  pending_.failed_items += failed_line(entry.work(), mini_batch, source_.items_of(mini_batch),
                                       input_name(mini_batch.input), entry.failed_tries, error);
  book_.erase(entry);
}

Duration Orchestrator::retry_delay(std::uint32_t failed_tries) const {
  Duration delay = std::min(options_.retry_delay, kLongestRetryDelay);
  for (std::uint32_t n = 1; n < failed_tries && delay < kLongestRetryDelay && delay > Duration::zero(); ++n)
    delay = std::min(delay * 2, kLongestRetryDelay);
  return delay;
}

void Orchestrator::record(const CommitEntry& entry) {
  last_progress_ = now_;
  ledger_.add(entry);
  pending_.entries.push_back(entry);
}

void Orchestrator::take_types(Session& session, AttemptResult& result) {
  switch (gate_.on_result(result)) {
    case TypeGate::Verdict::kDropped:
      return;
    case TypeGate::Verdict::kAgain:
      look_for_work_ = true;
      if (result.outcome != Outcome::kReturned) observer_.on_try_failed(session.agent, result, 1, false);
      return;
    case TypeGate::Verdict::kExhausted:
      first_errors_.add(result.error);
      observer_.on_try_failed(session.agent, result, options_.run_max_try, true);
      end_job(JobState::kFailed, JobReason::kTypeInferenceFailed,
              "the column types of an input could not be inferred: " + one_line(result.error), now_);
      return;
    case TypeGate::Verdict::kDecided:
      last_progress_ = now_;
      pending_.types = gate_.types();
      observer_.on_types_decided(pending_.types.back());
      return;
  }
}

void Orchestrator::take_process_failure(Session& session, const ProcessFailure& failure) {
  observer_.on_process_failure(session.agent, failure);
  const bool start =
      failure.fatal || failure.error.phase == ErrorPhase::kLoad || failure.error.phase == ErrorPhase::kInit;
  if (start && !script_error_) script_error_ = failure.error;
  if (!failure.fatal) return;
  if (failure.error.type == kCodeChanged) {
    // A restart elsewhere would run another version.
    first_errors_.add(failure.error);
    return end_job(JobState::kFailed, JobReason::kScriptFailed,
                   one_line(failure.error.message, 2 * kLongestLine), now_);
  }
  if (script_works_) {
    // It works elsewhere, so it is this node that is broken.
    session.slots_given_up = session.agent.slots;
    return;
  }
  first_errors_.add(failure.error);
  end_job(JobState::kFailed, JobReason::kScriptFailed,
          (failure.error.type == kStoreError ? "no mini-batch can get its data: "
                                             : "the worker processes cannot start: ") +
              one_line(failure.error),
          now_);
}

}  // namespace parallelrun::orchestrator
