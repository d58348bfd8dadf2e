// What the core makes of the events of worker processes: their start, results and ends.
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <utility>

#include "runner/agent/agent_core.h"

namespace parallelrun::agent {
namespace {

using channel::Phase;

Phase phase_of(const channel::Stamp& stamp) { return static_cast<Phase>(stamp.phase); }

std::string clause(const std::string& words) { return words.empty() ? std::string() : "; " + words; }

}  // namespace

void AgentCore::start(SlotIndex index, Time now) {
  slots_[index].begin(now + options_.init_timeout);
  control_.start(index);
}

void AgentCore::on_ready(SlotIndex index, Time now) {
  Slot& slot = slots_[index];
  if (slot.stage() != Life::kStarting || slot.doomed_for(Doom::kSaidLast)) {
    return on_nonsense(index, "a second kReady", now);
  }
  // init() came back between the decision to kill and the kill: it is over its time all the same.
  if (!slot.doomed()) {
    slot.life = Life::kReady;
    slot.restarts.on_ready();
    ++inits_succeeded_;
    for (const auto& [input, types] : types_) control_.announce(index, InputInfo{input, types});
  }
  advance(now);
}

void AgentCore::on_init_failed(SlotIndex index, std::uint64_t pid, ScriptError error, Time now) {
  const Slot& slot = slots_[index];
  if (slot.stage() != Life::kStarting || slot.doomed_for(Doom::kSaidLast)) {
    return on_nonsense(index, "a late kInitFailed", now);
  }
  const bool fatal = error.phase == ErrorPhase::kLoad;
  init_failure(index, pid, std::move(error), fatal);
  said_last(index, now);
  advance(now);
}

// It ends by itself now. Whatever its end was to be before, nothing more is told of it.
void AgentCore::said_last(SlotIndex index, Time now) {
  doom(index, {.reason = Doom::kSaidLast, .kill_at = now + options_.exit_grace}, now);
  slots_[index].end.reason = Doom::kSaidLast;
}

void AgentCore::init_failure(SlotIndex index, std::uint64_t pid, ScriptError error, bool fatal) {
  slots_[index].restarts.on_init_failed();
  ProcessFailure failure;
  failure.process = process_name(index);
  failure.pid = pid;
  failure.fatal = fatal;
  failure.error = std::move(error);
  outbox_.add(std::move(failure));
}

void AgentCore::on_result(SlotIndex index, AttemptResult&& result, Time now) {
  Slot& slot = slots_[index];
  // Behind nonsense nothing is believed: it may be what the script wrote.
  if (slot.doomed_for(Doom::kNonsense)) return;
  // In order as a rule, so the search ends at once.
  const auto task = slot.find(result.attempt);
  if (task == slot.tasks.end()) {
    return on_nonsense(index, fmt::format("a result of task {}, which it does not have", result.attempt),
                       now);
  }
  // The doomed task is paid for, and its process ends with it.
  const bool paid_for = slot.end.task == result.attempt;
  if (slot.doomed_for(Doom::kOverhead) && paid_for) return;
  const bool timed_out = slot.doomed_for(Doom::kRunTimeout) && paid_for;
  if (timed_out &&
      std::chrono::microseconds(static_cast<std::int64_t>(result.run_us)) >= options_.run_timeout) {
    // It came back within the grace between decision and kill, too late (the signal that asks for the stack
    // ends a sleep in C). The exit reports it, with the stack.
    slot.end.late_run_us = result.run_us;
    return;
  }
  if (task->kind == LeaseKind::kInferTypes) {  // of which a process gives no times
    const Time begin =
        std::max(slot.front_since, Time(std::chrono::nanoseconds(control_.stamp(index).since_ns)));
    result.duration_us =
        static_cast<std::uint64_t>(std::max(Duration::zero(), now - begin) / std::chrono::microseconds(1));
    result.started_unix_us =
        begin.time_since_epoch() / std::chrono::microseconds(1) + options_.unix_minus_steady_us;
  }
  const Lease lease = slot.take_out(task, now);
  done_with(lease);
  ++slot.delivered;
  slot.restarts.on_result();
  if (options_.restart_after_failure && lease.kind == LeaseKind::kRun && result.outcome == Outcome::kFailed) {
    slot.wear_out();
  }
  if (std::erase(revoked_, lease.attempt) > 0) return;

  result.kind = lease.kind;
  result.seal = lease.seal;
  result.work = lease.work;
  result.process = process_name(index);
  if (result.items == 0) result.items = lease.items;
  if (lease.kind == LeaseKind::kRun) {
    appetite_.on_duration(std::chrono::microseconds(static_cast<std::int64_t>(result.duration_us)));
  }
  tell_done(index, result, lease);
  outbox_.add(std::move(result));
}

void AgentCore::on_skipped(SlotIndex index, std::uint64_t attempt, Time now) {
  Slot& slot = slots_[index];
  if (std::erase(slot.given_away, attempt) > 0) return;
  const auto task = slot.find(attempt);
  if (task == slot.tasks.end()) {
    return on_nonsense(index, fmt::format("a message that it left task {}, which it does not have", attempt),
                       now);
  }
  Lease lease = slot.take_out(task, now);
  if (lease.kind == LeaseKind::kRun) --slot.given;
  if (std::erase(revoked_, attempt) > 0) return done_with(lease);
  requeue(std::move(lease));
}

void AgentCore::on_bye(SlotIndex index, std::uint64_t pid, std::optional<ScriptError> error, Time now) {
  const Slot& slot = slots_[index];
  if (!slot.shutting_down() || slot.doomed_for(Doom::kSaidLast)) {
    return on_nonsense(index, "a kBye frame at the wrong time", now);
  }
  if (error) outbox_.add(ProcessFailure{process_name(index), pid, std::move(*error), false});
  said_last(index, now);
  advance(now);
}

void AgentCore::on_nonsense(SlotIndex index, std::string what, Time now) {
  const Slot& slot = slots_[index];
  // One whose end is decided keeps its time to leave or to write its stack.
  const bool runs = slot.life == Life::kStarting || slot.ready() || slot.shutting_down();
  if (!runs || slot.doomed()) return;
  doom(index, {.reason = Doom::kNonsense, .kill_at = now, .nonsense = std::move(what)}, now);
}

void AgentCore::on_exit(SlotIndex index, const ProcessExit& exit, Time now) {
  Slot& slot = slots_[index];
  const Life was = slot.stage();
  const Phase phase = phase_of(exit.stamp);
  const bool unasked = slot.unasked();
  const bool said_last = slot.doomed_for(Doom::kSaidLast);
  std::string message = exit.message;
  std::string type = exit.type;
  if (slot.doomed_for(Doom::kNonsense)) {
    message = "the process sent " + slot.end.nonsense + " and was killed";
  }
  if (unasked && phase == Phase::kCut) {
    type = "ChannelClosed";
    message = "the script closed or replaced file descriptor 3; the process needs it to return its results";
  }

  if (was == Life::kStarting && !said_last) {
    const bool importing = phase == Phase::kLoading;
    const ErrorPhase where = importing ? ErrorPhase::kLoad : ErrorPhase::kInit;
    if (slot.doomed_for(Doom::kInitTimeout)) {
      const std::string what = importing ? "the import of the entry script did not end"
                               : phase == Phase::kInit
                                   ? "init() did not return"
                                   : "the process did not begin to import the entry script";
      message = fmt::format("{} after {:.0f} s (initTimeout){}; the process was killed", what,
                            seconds(options_.init_timeout), clause(slot.end.held_by));
      init_failure(index, exit.pid, {where, "TimeoutExpired", message, exit.last_stderr}, false);
    } else if (unasked) {
      message += importing ? " while it imported the entry script" : " before init() returned";
      init_failure(index, exit.pid, {where, type, message, exit.last_stderr}, false);
    }
  } else if (slot.shutting_down() && !said_last) {
    if (slot.doomed_for(Doom::kShutdownTimeout)) {
      message =
          fmt::format("shutdown() did not return after {:.0f} s (initTimeout){}; the process was killed",
                      seconds(options_.init_timeout), clause(slot.end.held_by));
    } else {
      message += " in shutdown()";
    }
    if (!slot.doomed_for(Doom::kStopped)) {
      outbox_.add(ProcessFailure{process_name(index),
                                 exit.pid,
                                 {ErrorPhase::kShutdown, exit.type, message, exit.last_stderr},
                                 false});
    }
  }
  ProcessExit told = exit;
  told.type = std::move(type);
  told.message = std::move(message);
  settle_tasks(index, told, now);

  if (was == Life::kLeaving || was == Life::kOver) {
    slot.life = Life::kOver;
  } else if (slot.restarts.given_up()) {
    slot.life = Life::kGivenUp;
  } else {
    slot.life = Life::kWaiting;
    slot.restart_at = now + slot.restarts.delay();
  }
  advance(now);
}

// A short one is told of only now: nobody was to see it running.
void AgentCore::tell_done(SlotIndex index, const AttemptResult& result, const Lease& lease) {
  if (std::erase(slots_[index].picked_up, lease.attempt) == 0) {
    observer_.picked_up(index, lease, result.started_unix_us);
  }
  observer_.done(index, result, lease);
}

// Which of `tasks`, what the dead process held, pays for its death.
std::optional<std::uint64_t> AgentCore::charged_task(SlotIndex index, const std::deque<Lease>& tasks,
                                                     const channel::Stamp& stamp) {
  Slot& slot = slots_[index];
  if (slot.doomed_for(Doom::kRunTimeout) || slot.doomed_for(Doom::kOverhead)) return slot.end.task;
  if (!slot.unasked() || tasks.empty()) return std::nullopt;
  const bool held = std::any_of(tasks.begin(), tasks.end(),
                                [&](const Lease& lease) { return lease.attempt == stamp.task; });
  const Phase phase = phase_of(stamp);
  const bool working = phase == Phase::kLoading || phase == Phase::kInRun || phase == Phase::kFinishing ||
                       phase == Phase::kCut;
  if (working && held) return stamp.task;
  // It was killed for what it sent, after a task as a rule: that costs one, or it would go on for ever.
  if (slot.doomed_for(Doom::kNonsense)) return held ? stamp.task : tasks.front().attempt;
  // Between tasks nobody was working, and where a result came the job got on. Without one, again and again,
  // it would go on for ever without a price. The last that was run pays: its result never came. Those before
  // it had ended well and those behind it had not begun; where none was run, the next one pays.
  if (!slot.initialized() || slot.delivered > 0) return std::nullopt;
  slot.restarts.on_barren_death();
  if (!slot.restarts.charges_a_task()) return std::nullopt;
  return held ? stamp.task : tasks.front().attempt;
}

// Shares out what the dead process held: one try for what it was working on, the rest back to the queue.
void AgentCore::settle_tasks(SlotIndex index, const ProcessExit& exit, Time now) {
  Slot& slot = slots_[index];
  std::deque<Lease> tasks = std::move(slot.tasks);
  slot.tasks.clear();
  const std::optional<std::uint64_t> charged = charged_task(index, tasks, exit.stamp);
  const Phase phase = phase_of(exit.stamp);

  for (auto lease = tasks.rbegin(); lease != tasks.rend(); ++lease) {
    if (std::erase(revoked_, lease->attempt) > 0) {
      done_with(*lease);
      continue;
    }
    if (leaving_ != Leaving::kNo && phase == Phase::kInRun && lease->attempt == exit.stamp.task) {
      interrupted_[lease->attempt] = unix_us(static_cast<std::int64_t>(exit.stamp.since_ns / 1000));
    }
    if (lease->attempt != charged) {
      requeue(std::move(*lease));
    } else if (slot.doomed_for(Doom::kRunTimeout)) {
      charge(
          index, *lease, Outcome::kTimedOut,
          {ErrorPhase::kRun, "TimeoutExpired",
           fmt::format("run() did not return after {:.0f} s (runInvocationTimeout){}; the process was killed",
                       seconds(options_.run_timeout), clause(slot.end.held_by)),
           exit.last_stderr},
          exit, now);
    } else if (slot.doomed_for(Doom::kOverhead)) {
      slot.end.overhead.traceback = exit.last_stderr;
      charge(index, *lease, Outcome::kTimedOut, slot.end.overhead, exit, now);
    } else {
      const ErrorPhase where = phase == Phase::kLoading     ? ErrorPhase::kRead
                               : phase == Phase::kFinishing ? ErrorPhase::kResult
                                                            : ErrorPhase::kRun;
      charge(index, *lease, Outcome::kDied, {where, exit.type, exit.message, exit.last_stderr}, exit, now);
    }
  }
}

void AgentCore::charge(SlotIndex index, const Lease& lease, Outcome outcome, ScriptError error,
                       const ProcessExit& exit, Time now) {
  AttemptResult result = result_of(lease);
  result.outcome = outcome;
  result.error = std::move(error);
  result.process = process_name(index);
  result.pid = exit.pid;
  const auto now_us = now.time_since_epoch() / std::chrono::microseconds(1);
  result.started_unix_us = unix_us(now_us);
  const auto since_us = static_cast<std::int64_t>(exit.stamp.since_ns / 1000);
  if (exit.stamp.task == lease.attempt && since_us <= now_us) {
    result.duration_us = static_cast<std::uint64_t>(now_us - since_us);
    result.started_unix_us = unix_us(since_us);
    if (phase_of(exit.stamp) == Phase::kInRun) result.run_us = result.duration_us;
  }
  done_with(lease);
  if (outcome == Outcome::kTimedOut && result.run_us == 0) result.run_us = slots_[index].end.late_run_us;
  tell_done(index, result, lease);
  outbox_.add(std::move(result));
}

}  // namespace parallelrun::agent
