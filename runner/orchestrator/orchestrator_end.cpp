// When and how a job ends.
#include <algorithm>
#include <utility>

#include "runner/orchestrator/orchestrator.h"
#include "runner/protocol/process_failure_types.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun::orchestrator {
namespace {

// A sentence with an error of kLongestLine in it; file names in it may be long.
constexpr std::size_t kLongestMessage = 2 * kLongestLine;

double in_seconds(Duration time) { return std::chrono::duration<double>(time).count(); }

// "all 7 items", "the only item".
std::string all_of(std::uint64_t count, std::string_view one, std::string_view many) {
  return count == 1 ? fmt::format("the only {}", one) : fmt::format("all {} {}", count, many);
}

}  // namespace

void Orchestrator::end_job(JobState state, JobReason reason, const std::string& message, Time now) {
  if (ending_) return;
  JobResult result;
  result.state = state;
  result.reason = reason;
  result.message = one_line(message, kLongestMessage);
  result.first_errors = first_errors_.list();
  result.progress = progress();
  result.progress.counts = ledger_.counts();
  ending_.emplace();
  ending_->result = std::move(result);
  // With nothing left to run there is nothing to kill.
  ending_->abort = !(plan_complete_ && ledger_.finished() >= planned_);
  ending_->abort_until = now + options_.abort_grace;
  ending_->evidence_group = something_pending() ? next_group_ : in_flight_;
  look_for_work_ = true;
  observer_.on_ending(ending_->result);
}

void Orchestrator::decide_end(Time now) {
  if (ending_) return;
  if (const auto over = exceeded(options_.thresholds, ledger_.counts(), planned_, plan_complete_)) {
    // Where mini-batches are counted, what failed one is looked for.
    if (over->reason != JobReason::kErrorThresholdExceeded) first_errors_.shortfalls_last();
    std::string message = over->message;
    if (!first_errors_.list().empty()) message += "; first error: " + one_line(first_errors_.list().front());
    return end_job(JobState::kFailed, over->reason, message, now);
  }
  if (!plan_complete_ || ledger_.finished() < planned_) return;
  if (planned_ == 0) {
    std::string names;
    for (const std::string& name : options_.input_names) names += (names.empty() ? "" : ", ") + name;
    return end_job(
        JobState::kFailed, JobReason::kEmptyInput,
        fmt::format("the input is empty: there is nothing to process in {}; check the directory and the glob",
                    names),
        now);
  }
  if (options_.output_action == OutputAction::kAppendRow && ledger_.counts().items_succeeded == 0) {
    std::string message = "nothing succeeded: ";
    message += ledger_.counts().items_failed == 0
                   ? "the input has no items"
                   : all_of(ledger_.counts().items_failed, "item", "items") + " failed";
    if (!first_errors_.list().empty()) message += "; first error: " + one_line(first_errors_.list().front());
    return end_job(JobState::kFailed, JobReason::kNothingSucceeded, message, now);
  }
  end_job(JobState::kComplete, JobReason::kCompleted, complete_in_words(ledger_.counts(), planned_), now);
}

// An import or init() that has failed 3 times in every process slot: no agent can run anything.
void Orchestrator::check_scripts(Time now) {
  if (ending_) return;
  std::uint32_t agents = 0;
  for (const auto& [id, session] : sessions_) {
    if (session.left) continue;
    if (session.usable()) return;
    ++agents;
  }
  if (agents == 0) return;
  if (agents < options_.expected_agents && now - last_registered_ < options_.agents_grace) return;
  // An agent whose environment cannot be made, or whose store refuses it, has no slot that could try.
  const std::string type = script_error_ ? script_error_->type : "";
  std::string message = type == kEnvironmentError
                            ? "no worker process could be started, because no node could make the environment"
                        : type == kStoreError
                            ? "no mini-batch can get its data"
                            : "no worker process could be started, because the import or init() of the entry "
                              "script failed 3 times in every slot";
  if (script_error_) {
    first_errors_.add(*script_error_);
    message += ": " + one_line(*script_error_);
  }
  end_job(JobState::kFailed, JobReason::kScriptFailed, message, now);
}

void Orchestrator::on_inputs_checked(Time now) {
  observe(now);
  started_ = now;
}

void Orchestrator::check_patience(Time now) {
  if (ending_ || held_) return;
  if (planned_ == 0 && !plan_complete_ && now - started_ >= options_.first_task_creation_timeout) {
    return end_job(
        JobState::kFailed, JobReason::kFirstTaskCreationTimeout,
        fmt::format(
            "no mini-batch is known after {:g} s (firstTaskCreationTimeout): the input is still "
            "being listed, or grouped by columns; check whether its directory or store answers, or raise "
            "firstTaskCreationTimeout",
            in_seconds(options_.first_task_creation_timeout)),
        now);
  }
  if (!options_.progress_update_timeout || now - last_progress_ < *options_.progress_update_timeout) return;
  std::string message = fmt::format(
      "no mini-batch was finished or tried for {:g} s (progressUpdateTimeout): {} of {} are processed, "
      "agents have {}, {} wait for another try; {} of {} agents take part",
      in_seconds(*options_.progress_update_timeout), ledger_.counts().processed(), planned_, book_.leased(),
      book_.waiting(), live_sessions(), options_.expected_agents);
  if (!first_errors_.list().empty()) message += "; first error: " + one_line(first_errors_.list().front());
  end_job(JobState::kFailed, JobReason::kProgressUpdateTimeout, message, now);
}

// An aborted job waits for what its agents still have to say.
bool Orchestrator::end_is_due(Time now) const {
  if (!ending_ || ending_->stage != End::Stage::kDecided) return false;
  return !ending_->abort || live_sessions() == 0 || now >= ending_->abort_until;
}

void Orchestrator::hold(bool held, Time now) {
  observe(now);
  if (held_ && !held) {
    look_for_work_ = true;
    last_progress_ = now;  // nothing could be handed out meanwhile
  }
  held_ = held;
}

void Orchestrator::interrupt(const std::string& why, Time now) {
  observe(now);
  end_job(JobState::kInterrupted, JobReason::kStopped, why, now);
  if (ending_->abort) return;
  // The job had ended already, and stays what it is. shutdown() of its scripts is no longer waited for.
  ending_->abort = look_for_work_ = true;
  ending_->abort_until = now + options_.abort_grace;
}

bool Orchestrator::finished() const {
  if (!end_is_durable()) return false;
  if (ending_->abort && now_ >= ending_->abort_until) return true;
  return live_sessions() == 0;
}

}  // namespace parallelrun::orchestrator
