// One slot of an agent: the life of its process, and what that process has in hand. The core alone moves it
// (agent_core.h); nothing here acts. One thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runner/agent/restart_policy.h"
#include "runner/agent/standstills.h"
#include "runner/protocol/messages.h"

namespace parallelrun::agent {

struct Slot {
  // In the order of a life. From kStarting to kLeaving a process may be doomed at any moment; when it has
  // ended, the slot waits for the next one, or has none any more.
  enum class Life {
    kWaiting,    // no process; one starts at restart_at
    kStarting,   // until init() has returned
    kReady,      // takes tasks
    kWorn,       // takes none any more; retires when it has none
    kRetiring,   // told to shut down; another process follows
    kLeaving,    // told to shut down; none follows
    kDoomed,     // has to end; is killed at end.kill_at
    kKilled,     // SIGKILL is sent, its exit has not come
    kAbandoned,  // killed, but the kernel holds it: its tasks are settled without it
    kGivenUp,    // no process any more: init() has failed too often
    kOver,       // no process any more: the agent leaves
  };
  enum class Doom {
    kRunTimeout,
    kOverhead,
    kInitTimeout,
    kShutdownTimeout,
    kRevoked,
    kStopped,
    kNonsense,
    kSaidLast,  // kInitFailed or kBye came: nothing more is told of its end
  };
  // Why the process has to end, and how far that has come. Means something from kDoomed to kAbandoned.
  struct End {
    Doom reason = Doom::kStopped;
    Time kill_at{};
    std::uint64_t task = 0;         // kRunTimeout, kOverhead: which task pays
    ScriptError overhead = {};      // kOverhead: what is told of that task
    std::string nonsense = {};      // kNonsense: what it sent
    Life in = Life::kWaiting;       // of which part of its life it was taken
    std::string held_by = {};       // what held it then; as ProcessLook::state
    std::uint64_t late_run_us = 0;  // of `task`, when it came back too late
    Time killed_at = {};
  };

  Life life = Life::kWaiting;
  Time restart_at{};                      // of kWaiting
  Time deadline{};                        // of kStarting, kRetiring, kLeaving
  End end = {};                           // of kDoomed, kKilled, kAbandoned
  std::deque<Lease> tasks;                // in the process, in the order in which it works them off
  std::uint64_t delivered = 0;            // results of this process
  std::uint64_t given = 0;                // mini-batches that this process was given
  std::vector<std::uint64_t> picked_up;   // of `tasks`: whose pick-up the observer has heard of; a few
  Time front_since{};                     // when the first of `tasks` became the first
  bool slow = false;                      // that was long ago: it is given nothing, what waits is taken back
  std::optional<Time> taken_back;         // when that was asked for; until it is known what was begun
  std::vector<std::uint64_t> given_away;  // taken back for good; the process will skip them
  RestartPolicy restarts;                 // of all processes of this slot

  bool killed() const { return life == Life::kKilled || life == Life::kAbandoned; }
  bool doomed() const { return life == Life::kDoomed || killed(); }
  bool doomed_for(Doom reason) const { return doomed() && end.reason == reason; }
  // It ends, or has ended, without a decision of ours.
  bool unasked() const { return !doomed() || end.reason == Doom::kNonsense; }

  // How far its life had come, also when its end is decided.
  Life stage() const { return doomed() ? end.in : life; }
  bool shutting_down() const { return stage() == Life::kRetiring || stage() == Life::kLeaving; }
  // Has left init(), and was not told to leave.
  bool initialized() const { return stage() == Life::kReady || stage() == Life::kWorn; }
  // Works, and shall go on.
  bool ready() const { return life == Life::kReady || life == Life::kWorn; }
  // What waits in it has its turn soon.
  bool gets_on() const { return ready() && !slow; }
  // While tasks are being taken back, one that is given would be taken for one of them.
  bool takes_tasks() const { return life == Life::kReady && !slow && !taken_back; }
  // A process that has run nothing yet will be here by itself.
  bool has_a_new_one_coming() const {
    return stage() == Life::kWaiting || stage() == Life::kStarting || stage() == Life::kWorn ||
           stage() == Life::kRetiring;
  }

  // It shall take no task any more.
  void wear_out() {
    Life& now = doomed() ? end.in : life;
    if (now == Life::kReady) now = Life::kWorn;
  }

  // The next process of this slot begins.
  void begin(Time init_deadline) {
    const RestartPolicy kept = restarts;
    *this = Slot();
    restarts = kept;
    life = Life::kStarting;
    deadline = init_deadline;
  }

  std::deque<Lease>::iterator find(std::uint64_t attempt) {
    return std::find_if(tasks.begin(), tasks.end(),
                        [attempt](const Lease& lease) { return lease.attempt == attempt; });
  }
  bool holds(std::uint64_t attempt) const {
    return std::any_of(tasks.begin(), tasks.end(),
                       [attempt](const Lease& lease) { return lease.attempt == attempt; });
  }
  // Takes a task out: its result is there, or the process has left it.
  Lease take_out(const std::deque<Lease>::iterator& task, Time now) {
    if (task == tasks.begin()) {
      front_since = now;
      slow = false;
    }
    Lease lease = std::move(*task);
    tasks.erase(task);
    return lease;
  }
};

}  // namespace parallelrun::agent
