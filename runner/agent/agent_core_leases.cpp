// Which lease goes where: how many are asked for, which process is given them, and what goes back.
#include <algorithm>
#include <utility>

#include "runner/agent/agent_core.h"

namespace parallelrun::agent {
namespace {

constexpr Duration kSurplusStays = std::chrono::seconds(1);
// A process that works on one task for so long holds up those that wait in it.
constexpr Duration kSlow = std::chrono::seconds(1);
// A process that is still starting after so long is not waited for, where others may be idle.
constexpr Duration kLongStart = std::chrono::seconds(10);
// A store by one processor is seen by all others long before.
constexpr Duration kStoreSeen = std::chrono::milliseconds(20);

}  // namespace

std::uint32_t AgentCore::want() const {
  if (!environment_ready_ || leaving_ != Leaving::kNo || cut_off_ || outbox_.full()) return 0;
  std::size_t ready = 0;
  std::size_t target = 0;
  std::size_t held = queue_.size() + fresh_.size() + fetching_.size();
  for (const Slot& slot : slots_) {
    // What comes from a store is fetched meanwhile, however long the current one takes.
    const bool slow = data_ != nullptr && slot.ready() && !slot.gets_on();
    if (!slot.gets_on() && !slow) continue;
    ++ready;
    target += slow ? 2 : ahead();
    held += slot.tasks.size();
  }
  if (held >= target) return 0;
  // Many small mini-batches are asked for in large groups; where few are held ahead, each gap counts.
  const bool soon_idle = held * 2 <= target || target <= 4 * ready;
  return soon_idle ? static_cast<std::uint32_t>(target - held) : 0;
}

// One more than is run, where it has to be fetched.
std::size_t AgentCore::ahead() const { return appetite_.in_hand() + (data_ != nullptr ? 1 : 0); }

void AgentCore::done_with(const Lease& lease) {
  if (data_ != nullptr) data_->release(lease.attempt);
}

void AgentCore::on_data(std::uint64_t attempt, FetchedData&& data, Time now) {
  const auto found = std::find_if(fetching_.begin(), fetching_.end(),
                                  [&](const Lease& lease) { return lease.attempt == attempt; });
  if (found == fetching_.end()) return;
  Lease lease = std::move(*found);
  fetching_.erase(found);
  if (!data.descriptor.empty()) {
    lease.descriptor = std::move(data.descriptor);
    (lease.fresh_process ? fresh_ : queue_).push_back(std::move(lease));
  } else if (data.ends_the_job) {
    outbox_.add(ProcessFailure{"data", 0, std::move(data.error), true});
    hand_back(lease);
  } else {
    AttemptResult result = result_of(lease);
    result.outcome = data.outcome;
    result.error = std::move(data.error);
    result.process = "data";
    result.started_unix_us = unix_us(now.time_since_epoch() / std::chrono::microseconds(1));
    done_with(lease);
    outbox_.add(std::move(result));
  }
  advance(now);
}

// What waits behind a task that takes long is taken back; what is known of it a moment later decides.
void AgentCore::take_back_from(SlotIndex index, Time now) {
  Slot& slot = slots_[index];
  slot.slow = slot.initialized() && !slot.tasks.empty() &&
              now >= slot.front_since + kSlow + standstills_.since(slot.front_since);
  if (!slot.taken_back) {
    if (!slot.slow || slot.tasks.size() < 2 || slot.killed()) return;
    control_.take_back(index);
    slot.taken_back = now;
    return;
  }
  if (now < *slot.taken_back + kStoreSeen) return;
  slot.taken_back.reset();
  const auto stamped = slot.find(control_.stamp(index).task);
  // The first stays where it is even if it was not begun: somebody has to pay where the process never does.
  std::size_t keep = 1;
  if (stamped != slot.tasks.end()) keep += static_cast<std::size_t>(stamped - slot.tasks.begin());
  while (slot.tasks.size() > keep) {
    Lease lease = std::move(slot.tasks.back());
    slot.tasks.pop_back();
    slot.given_away.push_back(lease.attempt);
    if (std::erase(revoked_, lease.attempt) > 0) {
      done_with(lease);
      continue;
    }
    requeue(std::move(lease));
  }
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
  if (limit > 0 && slot.given >= limit) slot.wear_out();
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
    const Slot& slot = slots_[index];
    if (!slot.takes_tasks() || slot.given > 0 || !slot.tasks.empty()) continue;
    give(index, std::move(fresh_.front()), now);
    fresh_.pop_front();
  }
  // Each that still waits needs a process that is on its way, or one in the place of another.
  const auto coming = static_cast<std::size_t>(std::count_if(
      slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.has_a_new_one_coming(); }));
  for (std::size_t wanted = fresh_.size(); wanted > coming; --wanted) {
    Slot* least = nullptr;
    for (Slot& slot : slots_) {
      if (slot.takes_tasks() && (least == nullptr || slot.tasks.size() < least->tasks.size())) least = &slot;
    }
    if (least == nullptr) return;
    least->wear_out();
  }
}

void AgentCore::feed_queue(Time now) {
  if (queue_.empty()) return;
  std::size_t ready = 0;
  std::size_t held = queue_.size();
  for (const Slot& slot : slots_) {
    if (!slot.takes_tasks()) continue;
    ++ready;
    held += slot.tasks.size();
  }
  if (ready == 0) return;
  // Towards the end of a job each process gets the same share. Where a failure spoils its process, nothing
  // may wait behind a task.
  const std::size_t share =
      options_.restart_after_failure ? 1 : std::min(appetite_.window(), (held + ready - 1) / ready);
  for (SlotIndex index = 0; index < slots_.size(); ++index) {
    Slot& slot = slots_[index];
    while (slot.takes_tasks() && !queue_.empty() && slot.tasks.size() < share) {
      give(index, std::move(queue_.front()), now);
      queue_.pop_front();
    }
  }
}

AttemptResult AgentCore::result_of(const Lease& lease) {
  AttemptResult result;
  result.kind = lease.kind;
  result.attempt = lease.attempt;
  result.seal = lease.seal;
  result.work = lease.work;
  result.items = lease.items;
  return result;
}

void AgentCore::hand_back(const Lease& lease) {
  done_with(lease);
  AttemptResult result = result_of(lease);
  result.outcome = Outcome::kReturned;
  // What was begun may be why this agent has to leave.
  if (const auto begun = interrupted_.find(lease.attempt); begun != interrupted_.end())
    result.started_unix_us = begun->second;
  outbox_.add(std::move(result));
}

void AgentCore::hand_back_queue() {
  for (std::deque<Lease>* leases : {&queue_, &fresh_, &fetching_}) {
    for (const Lease& lease : *leases) hand_back(lease);
    leases->clear();
  }
}

void AgentCore::hand_back_surplus(Time now) {
  const std::size_t ready = std::max<std::size_t>(1, processes_ready());
  const bool surplus = leaving_ == Leaving::kNo && leases_in_hand() > ready * appetite_.bearable();
  if (!surplus) surplus_since_ = Time::max();
  if (surplus && surplus_since_ == Time::max()) surplus_since_ = now;
  // One mini-batch that was held up among quick ones says little; the mean recovers within milliseconds.
  if (!surplus || now - surplus_since_ < kSurplusStays) return;
  const std::size_t keep = ready * ahead();
  while (!queue_.empty() && leases_in_hand() > keep) {
    hand_back(queue_.back());
    queue_.pop_back();
  }
}

// A queue helps nobody where no process can take from it, and others may be idle.
void AgentCore::hand_back_where_nobody_gets_on(Time now) {
  const bool somebody = std::any_of(slots_.begin(), slots_.end(), [&](const Slot& slot) {
    const Life stage = slot.stage();
    const bool soon = stage == Life::kWaiting || stage == Life::kRetiring ||
                      (stage == Life::kStarting && now < slot.deadline - options_.init_timeout + kLongStart);
    return slot.gets_on() || soon;
  });
  if (somebody || nothing_waits()) {
    nobody_since_ = Time::max();
  } else if (nobody_since_ == Time::max()) {
    nobody_since_ = now;
  } else if (now - nobody_since_ >= kSlow && leaving_ == Leaving::kNo) {
    // But what was fetched for the next turn of a process stays.
    hand_back_beyond(data_ != nullptr ? processes_ready() : 0);
  }
}

void AgentCore::hand_back_beyond(std::size_t keep) {
  for (std::deque<Lease>* leases : {&fetching_, &fresh_, &queue_}) {
    while (!leases->empty() && queue_.size() + fresh_.size() + fetching_.size() > keep) {
      hand_back(leases->back());
      leases->pop_back();
    }
  }
}

std::size_t AgentCore::leases_in_hand() const {
  std::size_t held = queue_.size() + fresh_.size() + fetching_.size();
  for (const Slot& slot : slots_) held += slot.tasks.size();
  return held;
}

}  // namespace parallelrun::agent
