#include "runner/agent/agent_core.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <utility>

namespace parallelrun::agent {
namespace {

// A process ends within milliseconds of SIGKILL unless the kernel holds it.
constexpr Duration kKillPatience = std::chrono::seconds(10);

// How long before the session runs out an agent that hears nothing ends its processes.
Duration margin_of(Duration session_timeout) {
  return std::max<Duration>(session_timeout / 4,
                            std::min<Duration>(session_timeout / 2, std::chrono::milliseconds(500)));
}

}  // namespace

std::string process_name(SlotIndex slot) { return fmt::format("process{:03}", slot); }

AgentCore::AgentCore(const Options& options, WorkerControl& control, Outbox& outbox,
                     AttemptObserver& observer, DataControl* data)
    : options_(options),
      control_(control),
      outbox_(outbox),
      observer_(observer),
      data_(data),
      slots_(options.slots) {}

void AgentCore::on_session(Duration session_timeout, Time now) {
  session_timeout_ = session_timeout;
  contact_ = now;
  cut_off_ = false;
  // Leases of the session before; the orchestrator leases those mini-batches anew.
  for (std::deque<Lease>* leases : {&queue_, &fresh_, &fetching_}) {
    for (const Lease& lease : *leases) done_with(lease);
    leases->clear();
  }
  told_inside_.clear();
  advance(now);
}

void AgentCore::on_contact(Time sent) {
  contact_ = std::max(contact_, sent);
  cut_off_ = false;
}

void AgentCore::on_lease_reply(LeaseReply&& reply, Time now) {
  for (InputInfo& info : reply.input_infos) {
    for (SlotIndex slot = 0; slot < slots_.size(); ++slot) {
      if (slots_[slot].ready()) control_.announce(slot, info);
    }
    types_[info.input] = std::move(info.types);
  }
  if (!reply.leases.empty()) appetite_.on_leases();
  for (Lease& lease : reply.leases) {
    if (!gives_work()) {
      hand_back(lease);
    } else if (data_ != nullptr && data_->fetch(lease)) {
      fetching_.push_back(std::move(lease));
    } else {
      (lease.fresh_process ? fresh_ : queue_).push_back(std::move(lease));
    }
  }
  for (const std::uint64_t attempt : reply.revoked) {
    const auto is_it = [&](const Lease& lease) {
      if (lease.attempt != attempt) return false;
      done_with(lease);
      return true;
    };
    if (std::erase_if(queue_, is_it) + std::erase_if(fresh_, is_it) + std::erase_if(fetching_, is_it) > 0)
      continue;
    const bool inside =
        std::any_of(slots_.begin(), slots_.end(), [&](const Slot& slot) { return slot.holds(attempt); });
    if (inside && !revoked(attempt)) revoked_.push_back(attempt);
  }
  on_directive(reply.directive, now);
}

void AgentCore::on_directive(Directive directive, Time now) {
  if (directive == Directive::kAbort && leaving_ != Leaving::kAbort) {
    leaving_ = Leaving::kAbort;
    hand_back_queue();
  } else if (directive == Directive::kDrain && leaving_ == Leaving::kNo) {
    leaving_ = Leaving::kDrain;
  }
  advance(now);
}

void AgentCore::stop(Duration grace, Time now) {
  if (leaving_ != Leaving::kAbort) leaving_ = Leaving::kStop;
  stop_at_ = std::min(stop_at_, now + grace);
  hand_back_queue();
  advance(now);
}

void AgentCore::on_environment_ready(Time now) {
  environment_ready_ = true;
  advance(now);
}

void AgentCore::advance(Time now) {
  const Duration stood_still = standstills_.look(now);
  if (stood_still > Duration::zero()) {
    for (Slot& slot : slots_) slot.deadline += stood_still;
    // One heartbeat shall have the chance to get through before the session is taken for lost.
    contact_ += std::min<Duration>(stood_still, std::chrono::seconds(2));
  }
  check_contact(now);
  for (SlotIndex slot = 0; slot < slots_.size(); ++slot) {
    check_running(slot, now);
    check_deadline(slot, now);
    take_back_from(slot, now);
  }
  if (leaving_ != Leaving::kNo) leave(now);
  for (SlotIndex slot = 0; slot < slots_.size(); ++slot) {
    kill_due(slot, now);
    check_killed(slot, now);
    const bool needed = leaving_ == Leaving::kNo || (leaving_ == Leaving::kDrain && !nothing_waits());
    if (environment_ready_ && needed && slots_[slot].life == Life::kWaiting &&
        now >= slots_[slot].restart_at) {
      start(slot, now);
    }
  }
  if (!usable_slot()) hand_back_queue();
  hand_back_surplus(now);
  hand_back_where_nobody_gets_on(now);
  feed(now);
}

void AgentCore::check_contact(Time now) {
  if (session_timeout_ == Duration::zero() || cut_off_) return;
  if (now < contact_ + session_timeout_ - margin_of(session_timeout_)) return;
  cut_off_ = true;
  hand_back_queue();
  for (SlotIndex slot = 0; slot < slots_.size(); ++slot) {
    if (!slots_[slot].tasks.empty()) doom(slot, {.reason = Doom::kStopped, .kill_at = now}, now);
  }
}

void AgentCore::check_running(SlotIndex index, Time now) {
  Slot& slot = slots_[index];
  if (!slot.initialized() || slot.tasks.empty() || slot.killed()) return;
  const channel::Stamp stamp = control_.stamp(index);
  const auto phase = static_cast<channel::Phase>(stamp.phase);
  // It ends by itself, unless something that the script left behind holds it up.
  if (phase == channel::Phase::kCut) {
    return doom(index, {.reason = Doom::kNonsense, .kill_at = now + options_.exit_grace}, now);
  }
  if (phase != channel::Phase::kLoading && phase != channel::Phase::kInRun &&
      phase != channel::Phase::kFinishing) {
    return check_overhead(index, stamp, now);
  }
  const auto task = slot.find(stamp.task);
  if (task == slot.tasks.end()) return check_overhead(index, stamp, now);
  if (std::find(slot.picked_up.begin(), slot.picked_up.end(), stamp.task) == slot.picked_up.end()) {
    slot.picked_up.push_back(stamp.task);
    observer_.picked_up(
        index, *task, now.time_since_epoch() / std::chrono::microseconds(1) + options_.unix_minus_steady_us);
  }
  if (revoked(stamp.task)) {
    return doom(index, {.reason = Doom::kRevoked, .kill_at = now}, now);
  }
  if (phase != channel::Phase::kInRun) return check_overhead(index, stamp, now);
  if (slot.doomed()) return;
  const Time entry{std::chrono::nanoseconds(stamp.since_ns)};
  if (now >= entry + options_.run_timeout + standstills_.since(entry)) {
    doom(index, {.reason = Doom::kRunTimeout, .kill_at = now + options_.dump_grace, .task = stamp.task}, now);
  }
}

// [task_overhead_timeout] Whatever a process does with its tasks, outside run().
void AgentCore::check_overhead(SlotIndex index, const channel::Stamp& stamp, Time now) {
  Slot& slot = slots_[index];
  if (slot.doomed()) return;
  const auto phase = static_cast<channel::Phase>(stamp.phase);
  const auto stamped = slot.find(stamp.task);
  const bool held = stamped != slot.tasks.end();
  const bool reading = held && phase == channel::Phase::kLoading;
  const bool writing = held && phase == channel::Phase::kFinishing;
  Time begin{std::chrono::nanoseconds(stamp.since_ns)};
  if (!reading && !writing) begin = std::max(begin, slot.front_since);
  if (now < begin + options_.overhead_timeout + standstills_.since(begin)) return;

  const ProcessLook look = control_.look(index);
  // Where a frame is torn, the first result that is missing is the one that it swallowed.
  const bool torn = look.unfinished_bytes > 0;
  const Lease& task = held && !(torn && !reading && !writing) ? *stamped : slot.tasks.front();
  const std::string what = task.kind == LeaseKind::kInferTypes
                               ? fmt::format("the column types of input {}", task.input)
                               : "mini-batch " + to_string(task.work);
  const std::string after =
      fmt::format("after {:.0f} s (taskOverheadTimeout)", seconds(options_.overhead_timeout));
  std::string words;
  ErrorPhase where = ErrorPhase::kResult;
  if (reading) {
    where = ErrorPhase::kRead;
    words = fmt::format("reading the data of {} did not end {}", what, after);
  } else if (writing) {
    words = fmt::format("writing the result of {} did not end {}", what, after);
  } else if (torn) {
    words = fmt::format(
        "the result of {} did not arrive {}: the process sent {} bytes that are not a whole frame; check "
        "whether the script writes to file descriptor {}",
        what, after, look.unfinished_bytes, channel::kChannelFd);
  } else if (held) {
    words = fmt::format("the result of {} did not arrive {}", what, after);
  } else {
    where = ErrorPhase::kRead;
    words = fmt::format("the process did not begin {} {}", what, after);
  }
  if (!look.state.empty()) words += "; " + look.state;
  doom(index,
       {.reason = Doom::kOverhead,
        .kill_at = now + options_.dump_grace,
        .task = task.attempt,
        .overhead = {where, "TimeoutExpired", words + "; the process was killed", ""}},
       now);
}

// Killed, and still there: the kernel holds it, on a volume that does not answer as a rule. Its tasks do not
// wait for that.
void AgentCore::check_killed(SlotIndex index, Time now) {
  Slot& slot = slots_[index];
  const Time killed_at = slot.end.killed_at;
  if (slot.life != Life::kKilled || now < killed_at + kKillPatience + standstills_.since(killed_at)) return;
  slot.life = Life::kAbandoned;
  const ProcessLook look = control_.look(index);
  ProcessExit exit;
  exit.pid = look.pid;
  exit.type = "Unkillable";
  exit.message = fmt::format("the process was killed and has not ended after {:.0f} s{}{}",
                             seconds(kKillPatience), look.state.empty() ? "" : "; ", look.state);
  exit.stamp = control_.stamp(index);
  outbox_.add(
      ProcessFailure{process_name(index), exit.pid, {ErrorPhase::kRun, exit.type, exit.message, ""}, false});
  settle_tasks(index, exit, now);
}

void AgentCore::check_deadline(SlotIndex index, Time now) {
  Slot& slot = slots_[index];
  if (slot.doomed() || now < slot.deadline) return;
  const Time kill_at = now + options_.dump_grace;
  if (slot.life == Life::kStarting) doom(index, {.reason = Doom::kInitTimeout, .kill_at = kill_at}, now);
  if (slot.shutting_down()) doom(index, {.reason = Doom::kShutdownTimeout, .kill_at = kill_at}, now);
}

// Decides that the process ends; the first reason stays, an earlier moment wins.
void AgentCore::doom(SlotIndex index, Slot::End end, Time now) {
  Slot& slot = slots_[index];
  if (slot.killed()) return;
  if (slot.doomed()) {
    slot.end.kill_at = std::min(slot.end.kill_at, end.kill_at);
  } else {
    const Doom reason = end.reason;
    slot.end = std::move(end);
    slot.end.in = std::exchange(slot.life, Life::kDoomed);
    const bool stuck = reason == Doom::kRunTimeout || reason == Doom::kOverhead ||
                       reason == Doom::kInitTimeout || reason == Doom::kShutdownTimeout;
    if (stuck) {
      slot.end.held_by = control_.look(index).state;
      control_.dump_stack(index);
    }
  }
  kill_due(index, now);
}

void AgentCore::kill_due(SlotIndex index, Time now) {
  Slot& slot = slots_[index];
  if (slot.life != Life::kDoomed || now < slot.end.kill_at) return;
  slot.life = Life::kKilled;
  slot.end.killed_at = now;
  control_.kill(index);
}

// shutdown() is called, as in every process that has no more work.
void AgentCore::replace_worn(Time now) {
  if (leaving_ != Leaving::kNo && leaving_ != Leaving::kDrain) return;
  for (SlotIndex index = 0; index < slots_.size(); ++index) {
    Slot& slot = slots_[index];
    if (slot.life != Life::kWorn || !slot.tasks.empty()) continue;
    slot.life = Life::kRetiring;
    slot.deadline = now + options_.init_timeout;
    control_.shut_down(index);
  }
}

void AgentCore::leave(Time now) {
  for (SlotIndex index = 0; index < slots_.size(); ++index) {
    Slot& slot = slots_[index];
    if (slot.life == Life::kGivenUp || slot.life == Life::kOver) continue;
    if (slot.life == Life::kAbandoned) {
      slot.life = Life::kOver;
      continue;
    }
    const bool work_left = leaving_ == Leaving::kDrain && !nothing_waits();
    const bool at_once = leaving_ == Leaving::kAbort || now >= stop_at_;
    if (at_once) {
      end_process(index, now);
    } else if (work_left) {
      continue;
    } else if (slot.ready() && slot.tasks.empty()) {
      slot.life = Life::kLeaving;
      slot.deadline = now + options_.init_timeout;
      control_.shut_down(index);
    } else if (slot.stage() == Life::kWaiting || slot.stage() == Life::kStarting) {
      end_process(index, now);
    }
  }
}

void AgentCore::end_process(SlotIndex index, Time now) {
  if (slots_[index].life == Life::kWaiting) {
    slots_[index].life = Life::kOver;
  } else {
    doom(index, {.reason = Doom::kStopped, .kill_at = now}, now);
  }
}

bool AgentCore::revoked(std::uint64_t attempt) const {
  return std::find(revoked_.begin(), revoked_.end(), attempt) != revoked_.end();
}

bool AgentCore::usable_slot() const {
  return std::any_of(slots_.begin(), slots_.end(), [](const Slot& slot) {
    const bool no_more =
        slot.stage() == Life::kLeaving || slot.stage() == Life::kGivenUp || slot.stage() == Life::kOver;
    return !no_more && slot.life != Life::kAbandoned;
  });
}

std::uint32_t AgentCore::processes_ready() const {
  return static_cast<std::uint32_t>(
      std::count_if(slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.ready(); }));
}

std::uint32_t AgentCore::slots_given_up() const {
  if (environment_given_up_ && !environment_ready_) return options_.slots;
  return static_cast<std::uint32_t>(std::count_if(
      slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.life == Life::kGivenUp; }));
}

bool AgentCore::finished() const {
  return leaving_ != Leaving::kNo && nothing_waits() &&
         std::all_of(slots_.begin(), slots_.end(), [](const Slot& slot) {
           return slot.life == Life::kGivenUp || slot.life == Life::kOver;
         });
}

bool AgentCore::idle() const {
  return std::all_of(slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.tasks.empty(); });
}

std::vector<std::uint64_t> AgentCore::inside() const {
  std::vector<std::uint64_t> attempts;
  for (SlotIndex index = 0; index < slots_.size(); ++index) {
    const Slot& slot = slots_[index];
    if (!slot.initialized() || slot.tasks.empty() || slot.killed()) continue;
    const channel::Stamp stamp = control_.stamp(index);
    if (static_cast<channel::Phase>(stamp.phase) != channel::Phase::kInRun) continue;
    if (slot.holds(stamp.task)) attempts.push_back(stamp.task);
  }
  return attempts;
}

std::vector<std::uint64_t> AgentCore::tell_inside() {
  told_inside_ = inside();
  return told_inside_;
}

bool AgentCore::inside_is_news() const {
  const std::vector<std::uint64_t> now = inside();
  return std::any_of(now.begin(), now.end(), [this](std::uint64_t attempt) {
    return std::find(told_inside_.begin(), told_inside_.end(), attempt) == told_inside_.end();
  });
}

}  // namespace parallelrun::agent
