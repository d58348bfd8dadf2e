#include "runner/agent/agent_core.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <utility>

namespace parallelrun::agent {
namespace {

constexpr Duration kSurplusStays = std::chrono::seconds(1);
// A process that works on one task for so long holds up those that wait in it.
constexpr Duration kSlow = std::chrono::seconds(1);
// A process that is still starting after so long is not waited for, where others may be idle.
constexpr Duration kLongStart = std::chrono::seconds(10);
// A store by one processor is seen by all others long before.
constexpr Duration kStoreSeen = std::chrono::milliseconds(20);
// A process ends within milliseconds of SIGKILL unless the kernel holds it.
constexpr Duration kKillPatience = std::chrono::seconds(10);

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

// How long before the session runs out an agent that hears nothing ends its processes.
Duration margin_of(Duration session_timeout) {
  return std::max<Duration>(session_timeout / 4,
                            std::min<Duration>(session_timeout / 2, std::chrono::milliseconds(500)));
}

}  // namespace

std::string process_name(SlotIndex slot) { return fmt::format("process{:03}", slot); }

AgentCore::AgentCore(const Options& options, WorkerControl& control, Outbox& outbox,
                     AttemptObserver& observer)
    : options_(options), control_(control), outbox_(outbox), observer_(observer), slots_(options.slots) {}

void AgentCore::on_session(Duration session_timeout, Time now) {
  session_timeout_ = session_timeout;
  contact_ = now;
  cut_off_ = false;
  queue_.clear();  // leases of the session before; the orchestrator leases those mini-batches anew
  fresh_.clear();
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
      if (slots_[slot].state == State::kReady) control_.announce(slot, info);
    }
    types_[info.input] = std::move(info.types);
  }
  if (!reply.leases.empty()) appetite_.on_leases();
  for (Lease& lease : reply.leases) {
    if (gives_work()) {
      (lease.fresh_process ? fresh_ : queue_).push_back(std::move(lease));
    } else {
      hand_back(lease);
    }
  }
  for (const std::uint64_t attempt : reply.revoked) {
    const auto is_it = [&](const Lease& lease) { return lease.attempt == attempt; };
    if (std::erase_if(queue_, is_it) + std::erase_if(fresh_, is_it) > 0) continue;
    const bool inside = std::any_of(slots_.begin(), slots_.end(), [&](const Slot& slot) {
      return std::any_of(slot.tasks.begin(), slot.tasks.end(), is_it);
    });
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

std::uint32_t AgentCore::want() const {
  if (!environment_ready_ || leaving_ != Leaving::kNo || cut_off_ || outbox_.full()) return 0;
  std::size_t ready = 0;
  std::size_t held = queue_.size() + fresh_.size();
  for (const Slot& slot : slots_) {
    if (!gets_on(slot)) continue;
    ++ready;
    held += slot.tasks.size();
  }
  const std::size_t target = ready * appetite_.in_hand();
  if (held >= target) return 0;
  // Many small mini-batches are asked for in large groups; where few are held ahead, each gap counts.
  const bool soon_idle = held * 2 <= target || target <= 4 * ready;
  return soon_idle ? static_cast<std::uint32_t>(target - held) : 0;
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
    const bool needed =
        leaving_ == Leaving::kNo || (leaving_ == Leaving::kDrain && !(queue_.empty() && fresh_.empty()));
    if (environment_ready_ && needed && slots_[slot].state == State::kWaiting &&
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
    if (!slots_[slot].tasks.empty()) doom(slot, Doom::kStopped, now, now);
  }
}

void AgentCore::check_running(SlotIndex index, Time now) {
  Slot& slot = slots_[index];
  if (slot.state != State::kReady || slot.tasks.empty() || slot.killed) return;
  const channel::Stamp stamp = control_.stamp(index);
  const auto phase = static_cast<channel::Phase>(stamp.phase);
  // It ends by itself, unless something that the script left behind holds it up.
  if (phase == channel::Phase::kCut) return doom(index, Doom::kNonsense, now + options_.exit_grace, now);
  if (phase != channel::Phase::kLoading && phase != channel::Phase::kInRun &&
      phase != channel::Phase::kFinishing) {
    return check_overhead(index, stamp, now);
  }
  const auto task = std::find_if(slot.tasks.begin(), slot.tasks.end(),
                                 [&](const Lease& lease) { return lease.attempt == stamp.task; });
  if (task == slot.tasks.end()) return check_overhead(index, stamp, now);
  if (std::find(slot.picked_up.begin(), slot.picked_up.end(), stamp.task) == slot.picked_up.end()) {
    slot.picked_up.push_back(stamp.task);
    observer_.picked_up(
        index, *task, now.time_since_epoch() / std::chrono::microseconds(1) + options_.unix_minus_steady_us);
  }
  if (revoked(stamp.task)) {
    doom(index, Doom::kRevoked, now, now);
    return;
  }
  if (phase != channel::Phase::kInRun) return check_overhead(index, stamp, now);
  if (slot.doom != Doom::kNone) return;
  const Time entry{std::chrono::nanoseconds(stamp.since_ns)};
  if (now >= entry + options_.run_timeout + standstills_.since(entry)) {
    slot.doomed_task = stamp.task;
    doom(index, Doom::kRunTimeout, now + options_.dump_grace, now);
  }
}

// [task_overhead_timeout] Whatever a process does with its tasks, outside run().
void AgentCore::check_overhead(SlotIndex index, const channel::Stamp& stamp, Time now) {
  Slot& slot = slots_[index];
  if (slot.doom != Doom::kNone) return;
  const auto phase = static_cast<channel::Phase>(stamp.phase);
  const auto stamped = std::find_if(slot.tasks.begin(), slot.tasks.end(),
                                    [&](const Lease& lease) { return lease.attempt == stamp.task; });
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
  slot.overhead = {where, "TimeoutExpired", words + "; the process was killed", ""};
  slot.doomed_task = task.attempt;
  doom(index, Doom::kOverhead, now + options_.dump_grace, now);
}

// What waits behind a task that takes long is taken back; what is known of it a moment later decides.
void AgentCore::take_back_from(SlotIndex index, Time now) {
  Slot& slot = slots_[index];
  slot.slow = slot.state == State::kReady && !slot.tasks.empty() &&
              now >= slot.front_since + kSlow + standstills_.since(slot.front_since);
  if (!slot.taken_back) {
    if (!slot.slow || slot.tasks.size() < 2 || slot.killed) return;
    control_.take_back(index);
    slot.taken_back = now;
    return;
  }
  if (now < *slot.taken_back + kStoreSeen) return;
  slot.taken_back.reset();
  const std::uint64_t begun = control_.stamp(index).task;
  const auto stamped = std::find_if(slot.tasks.begin(), slot.tasks.end(),
                                    [&](const Lease& lease) { return lease.attempt == begun; });
  // The first stays where it is even if it was not begun: somebody has to pay where the process never does.
  std::size_t keep = 1;
  if (stamped != slot.tasks.end()) keep += static_cast<std::size_t>(stamped - slot.tasks.begin());
  while (slot.tasks.size() > keep) {
    Lease lease = std::move(slot.tasks.back());
    slot.tasks.pop_back();
    slot.given_away.push_back(lease.attempt);
    if (std::erase(revoked_, lease.attempt) > 0) continue;
    requeue(std::move(lease));
  }
}

// Killed, and still there: the kernel holds it, on a volume that does not answer as a rule. Its tasks do not
// wait for that.
void AgentCore::check_killed(SlotIndex index, Time now) {
  Slot& slot = slots_[index];
  if (!slot.killed || slot.abandoned ||
      now < slot.killed_at + kKillPatience + standstills_.since(slot.killed_at)) {
    return;
  }
  slot.abandoned = true;
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
  if (slot.doom != Doom::kNone || now < slot.deadline) return;
  if (slot.state == State::kStarting) doom(index, Doom::kInitTimeout, now + options_.dump_grace, now);
  if (slot.state == State::kLeaving) doom(index, Doom::kShutdownTimeout, now + options_.dump_grace, now);
}

// Decides that the process ends; the first reason stays, an earlier moment wins.
void AgentCore::doom(SlotIndex index, Doom reason, Time kill_at, Time now) {
  Slot& slot = slots_[index];
  if (slot.killed) return;
  if (slot.doom == Doom::kNone) {
    slot.doom = reason;
    slot.kill_at = kill_at;
    const bool stuck = reason == Doom::kRunTimeout || reason == Doom::kOverhead ||
                       reason == Doom::kInitTimeout || reason == Doom::kShutdownTimeout;
    if (stuck) {
      slot.held_by = control_.look(index).state;
      control_.dump_stack(index);
    }
  }
  slot.kill_at = std::min(slot.kill_at, kill_at);
  kill_due(index, now);
}

void AgentCore::kill_due(SlotIndex index, Time now) {
  Slot& slot = slots_[index];
  if (slot.doom == Doom::kNone || slot.killed || now < slot.kill_at) return;
  slot.killed = true;
  slot.killed_at = now;
  control_.kill(index);
}

// While tasks are being taken back, one that is given would be taken for one of them.
bool AgentCore::takes_tasks(const Slot& slot) const {
  return gets_on(slot) && !slot.worn && !slot.taken_back;
}

// To others here, or to the orchestrator.
void AgentCore::requeue(Lease&& lease) {
  if (gives_work()) {
    (lease.fresh_process ? fresh_ : queue_).push_front(std::move(lease));
  } else {
    hand_back(lease);
  }
}

void AgentCore::give(SlotIndex index, Lease&& lease, Time now) {
  Slot& slot = slots_[index];
  if (slot.tasks.empty()) slot.front_since = now;
  control_.run(index, lease);
  if (lease.kind == LeaseKind::kRun) ++slot.given;
  const std::uint64_t limit = options_.max_mini_batches_per_process;
  slot.worn = slot.worn || (limit > 0 && slot.given >= limit);
  slot.tasks.push_back(std::move(lease));
}

void AgentCore::feed(Time now) {
  if (gives_work() && !outbox_.full()) {
    feed_fresh(now);
    feed_queue(now);
  }
  replace_worn(now);
}

void AgentCore::feed_fresh(Time now) {
  for (SlotIndex index = 0; index < slots_.size() && !fresh_.empty(); ++index) {
    if (!takes_tasks(slots_[index]) || slots_[index].given > 0 || !slots_[index].tasks.empty()) continue;
    give(index, std::move(fresh_.front()), now);
    fresh_.pop_front();
  }
  // Each that still waits needs a process that is on its way, or one in the place of another.
  const auto coming =
      static_cast<std::size_t>(std::count_if(slots_.begin(), slots_.end(), [](const Slot& slot) {
        return slot.state == State::kWaiting || slot.state == State::kStarting || slot.worn || slot.replacing;
      }));
  for (std::size_t wanted = fresh_.size(); wanted > coming; --wanted) {
    Slot* least = nullptr;
    for (Slot& slot : slots_) {
      if (takes_tasks(slot) && (least == nullptr || slot.tasks.size() < least->tasks.size())) least = &slot;
    }
    if (least == nullptr) return;
    least->worn = true;
  }
}

void AgentCore::feed_queue(Time now) {
  if (queue_.empty()) return;
  std::size_t ready = 0;
  std::size_t held = queue_.size();
  for (const Slot& slot : slots_) {
    if (!takes_tasks(slot)) continue;
    ++ready;
    held += slot.tasks.size();
  }
  if (ready == 0) return;
  // Towards the end of a job what is left is shared out evenly. Where a failure spoils its process, nothing
  // may wait behind a task.
  const std::size_t share =
      options_.restart_after_failure ? 1 : std::min(appetite_.window(), (held + ready - 1) / ready);
  for (SlotIndex index = 0; index < slots_.size(); ++index) {
    Slot& slot = slots_[index];
    while (takes_tasks(slot) && !queue_.empty() && slot.tasks.size() < share) {
      give(index, std::move(queue_.front()), now);
      queue_.pop_front();
    }
  }
}

// shutdown() is called, as in every process that has no more work.
void AgentCore::replace_worn(Time now) {
  if (leaving_ != Leaving::kNo && leaving_ != Leaving::kDrain) return;
  for (SlotIndex index = 0; index < slots_.size(); ++index) {
    Slot& slot = slots_[index];
    if (!slot.worn || slot.state != State::kReady || slot.doom != Doom::kNone || !slot.tasks.empty())
      continue;
    slot.worn = false;
    slot.replacing = true;
    slot.state = State::kLeaving;
    slot.deadline = now + options_.init_timeout;
    control_.shut_down(index);
  }
}

void AgentCore::leave(Time now) {
  for (SlotIndex index = 0; index < slots_.size(); ++index) {
    Slot& slot = slots_[index];
    if (slot.state == State::kGivenUp || slot.state == State::kOver) continue;
    if (slot.abandoned) {
      slot.state = State::kOver;
      continue;
    }
    const bool work_left = leaving_ == Leaving::kDrain && !(queue_.empty() && fresh_.empty());
    const bool at_once = leaving_ == Leaving::kAbort || now >= stop_at_;
    if (at_once) {
      end_process(index, now);
    } else if (work_left) {
      continue;
    } else if (slot.state == State::kReady && slot.tasks.empty() && slot.doom == Doom::kNone) {
      slot.state = State::kLeaving;
      slot.deadline = now + options_.init_timeout;
      control_.shut_down(index);
    } else if (slot.state == State::kWaiting || slot.state == State::kStarting) {
      end_process(index, now);
    }
  }
}

void AgentCore::end_process(SlotIndex index, Time now) {
  if (slots_[index].state == State::kWaiting) {
    slots_[index].state = State::kOver;
  } else {
    doom(index, Doom::kStopped, now, now);
  }
}

void AgentCore::hand_back(const Lease& lease) {
  AttemptResult result;
  result.kind = lease.kind;
  result.attempt = lease.attempt;
  result.seal = lease.seal;
  result.work = lease.work;
  result.outcome = Outcome::kReturned;
  result.items = lease.items;
  // What was begun may be why this agent has to leave.
  if (const auto begun = interrupted_.find(lease.attempt); begun != interrupted_.end())
    result.started_unix_us = begun->second;
  outbox_.add(std::move(result));
}

void AgentCore::hand_back_queue() {
  for (const Lease& lease : queue_) hand_back(lease);
  for (const Lease& lease : fresh_) hand_back(lease);
  queue_.clear();
  fresh_.clear();
}

void AgentCore::hand_back_surplus(Time now) {
  const std::size_t ready = std::max<std::size_t>(1, processes_ready());
  const bool surplus = leaving_ == Leaving::kNo && leases_in_hand() > ready * appetite_.bearable();
  if (!surplus) surplus_since_ = Time::max();
  if (surplus && surplus_since_ == Time::max()) surplus_since_ = now;
  // One mini-batch that was held up among quick ones says little; the mean recovers within milliseconds.
  if (!surplus || now - surplus_since_ < kSurplusStays) return;
  const std::size_t keep = ready * appetite_.in_hand();
  while (!queue_.empty() && leases_in_hand() > keep) {
    hand_back(queue_.back());
    queue_.pop_back();
  }
}

// A queue helps nobody where no process can take from it, and others may be idle.
void AgentCore::hand_back_where_nobody_gets_on(Time now) {
  const bool somebody = std::any_of(slots_.begin(), slots_.end(), [&](const Slot& slot) {
    const bool soon =
        slot.state == State::kWaiting || slot.replacing ||
        (slot.state == State::kStarting && now < slot.deadline - options_.init_timeout + kLongStart);
    return gets_on(slot) || soon;
  });
  if (somebody || (queue_.empty() && fresh_.empty())) {
    nobody_since_ = Time::max();
  } else if (nobody_since_ == Time::max()) {
    nobody_since_ = now;
  } else if (now - nobody_since_ >= kSlow && leaving_ == Leaving::kNo) {
    hand_back_queue();
  }
}

bool AgentCore::gets_on(const Slot& slot) const {
  return slot.state == State::kReady && slot.doom == Doom::kNone && !slot.slow;
}

bool AgentCore::revoked(std::uint64_t attempt) const {
  return std::find(revoked_.begin(), revoked_.end(), attempt) != revoked_.end();
}

bool AgentCore::usable_slot() const {
  return std::any_of(slots_.begin(), slots_.end(), [](const Slot& slot) {
    const bool may_work = slot.state == State::kWaiting || slot.state == State::kStarting ||
                          slot.state == State::kReady || slot.replacing;
    return may_work && !slot.abandoned;
  });
}

std::uint32_t AgentCore::processes_ready() const {
  return static_cast<std::uint32_t>(std::count_if(slots_.begin(), slots_.end(), [](const Slot& slot) {
    return slot.state == State::kReady && slot.doom == Doom::kNone;
  }));
}

std::uint32_t AgentCore::slots_given_up() const {
  if (environment_given_up_ && !environment_ready_) return options_.slots;
  return static_cast<std::uint32_t>(std::count_if(
      slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.state == State::kGivenUp; }));
}

bool AgentCore::finished() const {
  return leaving_ != Leaving::kNo && queue_.empty() && fresh_.empty() &&
         std::all_of(slots_.begin(), slots_.end(), [](const Slot& slot) {
           return slot.state == State::kGivenUp || slot.state == State::kOver;
         });
}

bool AgentCore::idle() const {
  return std::all_of(slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.tasks.empty(); });
}

std::size_t AgentCore::leases_in_hand() const {
  std::size_t held = queue_.size() + fresh_.size();
  for (const Slot& slot : slots_) held += slot.tasks.size();
  return held;
}

std::vector<std::uint64_t> AgentCore::inside() const {
  std::vector<std::uint64_t> attempts;
  for (SlotIndex index = 0; index < slots_.size(); ++index) {
    const Slot& slot = slots_[index];
    if (slot.state != State::kReady || slot.tasks.empty() || slot.killed) continue;
    const channel::Stamp stamp = control_.stamp(index);
    if (static_cast<channel::Phase>(stamp.phase) != channel::Phase::kInRun) continue;
    const bool held = std::any_of(slot.tasks.begin(), slot.tasks.end(),
                                  [&](const Lease& lease) { return lease.attempt == stamp.task; });
    if (held) attempts.push_back(stamp.task);
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
