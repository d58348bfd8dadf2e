// Which process runs what, and when one is started, killed or given up: the decisions of an agent,
// without processes, sockets or a clock. Events and the time go in; the core acts through WorkerControl,
// and what the orchestrator shall know goes into the Outbox.
//
// Rules it keeps:
//  - [run_invocation_timeout] counts from the stamp of entry into run(), not from when a task was sent.
//  - [task_overhead_timeout] bounds every other phase of a mini-batch that is in a process: until it is taken
//    up, reading, writing the result, and until the result has come. Whoever is over it pays a try.
//  - What waits in a process that is held up by one task is taken back and given to others, here or, where
//    no process here gets on, through the orchestrator.
//  - A death the agent did not cause costs the mini-batch that was being worked on (loading included) one
//    try; tasks that waited in the process, or whose result had not left it, go back free of charge. Where
//    processes end between tasks again and again without a result, the task that was run last pays.
//  - A lease of a last try is run by a process that has run no mini-batch yet. Such a process, and those of
//    [max_mini_batches_per_process] and [restart_after_failure], take the place of one that is told to shut
//    down when it has no task: nobody pays for that.
//  - Time in which the agent stood still moves deadlines.
//  - When the orchestrator has not been heard of for most of the session timeout, running tries end.
//
// One thread. Every event may be followed by actions; `advance` does what time alone brings about and is
// called at least every kNoticed / 2.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runner/agent/appetite.h"
#include "runner/agent/outbox.h"
#include "runner/agent/slot.h"
#include "runner/agent/standstills.h"
#include "runner/agent/worker_control.h"
#include "runner/protocol/messages.h"

namespace parallelrun::agent {

class AgentCore {
 public:
  struct Options {
    std::uint32_t slots = 1;                                // [process_count_per_node]
    Duration run_timeout = std::chrono::seconds(60);        // [run_invocation_timeout]
    Duration overhead_timeout = std::chrono::seconds(600);  // taskOverheadTimeout
    Duration init_timeout = std::chrono::seconds(210);      // initTimeout; also bounds shutdown()
    std::uint32_t max_mini_batches_per_process = 0;         // [max_mini_batches_per_process] 0: no limit
    bool restart_after_failure = false;                     // [restart_after_failure]
    Duration dump_grace = std::chrono::milliseconds(500);   // between the dump of the stack and SIGKILL
    Duration exit_grace = std::chrono::seconds(2);          // for a process that has said its last word
    std::int64_t unix_minus_steady_us = 0;                  // turns stamps into times of day
  };

  // `control`, `outbox`, `observer` and `data` must outlive the core. `data`: null where no input lies in a
  // store.
  AgentCore(const Options& options, WorkerControl& control, Outbox& outbox, AttemptObserver& observer,
            DataControl* data = nullptr);

  // --- the orchestrator -----------------------------------------------------------------------------
  // A new session; what was leased in an earlier one is given up (its results are reported nevertheless).
  void on_session(Duration session_timeout, Time now);
  // An answer came to a request that was sent at `sent`: leases live on from then.
  void on_contact(Time sent);
  void on_lease_reply(LeaseReply&& reply, Time now);
  void on_directive(Directive directive, Time now);
  // How many mini-batches to ask for now; 0: none.
  std::uint32_t want() const;

  // --- this machine ---------------------------------------------------------------------------------
  // The Python environment is there: processes may start.
  void on_environment_ready(Time now);
  // It cannot be made, for so long that this node counts as one that cannot start; it may come all the same.
  void on_environment_given_up() { environment_given_up_ = true; }
  // SIGTERM: unstarted leases are handed back, running tries get `grace`.
  void stop(Duration grace, Time now);
  void advance(Time now);

  // --- objects of stores ----------------------------------------------------------------------------
  // What DataControl::fetch was asked for has come, or cannot come.
  void on_data(std::uint64_t attempt, FetchedData&& data, Time now);

  // --- worker processes -----------------------------------------------------------------------------
  void on_ready(SlotIndex slot, Time now);
  void on_init_failed(SlotIndex slot, std::uint64_t pid, ScriptError error, Time now);
  // `result.attempt` is the task; kind, work and process are filled in here.
  void on_result(SlotIndex slot, AttemptResult&& result, Time now);
  void on_bye(SlotIndex slot, std::uint64_t pid, std::optional<ScriptError> error, Time now);
  // The process came to a task that was taken back, and left it.
  void on_skipped(SlotIndex slot, std::uint64_t attempt, Time now);
  // The process sent what is no frame, or a result of no task of its own: it is killed.
  void on_nonsense(SlotIndex slot, std::string what, Time now);
  void on_exit(SlotIndex slot, const ProcessExit& exit, Time now);

  // --- what a report says ---------------------------------------------------------------------------
  std::uint32_t processes_ready() const;
  std::uint32_t inits_succeeded() const { return inits_succeeded_; }
  std::uint32_t slots_given_up() const;
  // The attempts that are inside run() now. They are told of by this call.
  std::vector<std::uint64_t> tell_inside();
  // One has been inside run() since the last tell_inside() that it did not tell of: worth a report of its
  // own.
  bool inside_is_news() const;
  // Told to leave, and nothing is left to wait for but the outbox.
  bool finished() const;
  // No process has a task: whatever waits in the outbox need not wait for more.
  bool idle() const;
  std::size_t leases_in_hand() const;

 private:
  enum class Leaving { kNo, kDrain, kStop, kAbort };

  using Life = Slot::Life;
  using Doom = Slot::Doom;

  void start(SlotIndex slot, Time now);
  void doom(SlotIndex slot, Slot::End end, Time now);
  void said_last(SlotIndex slot, Time now);
  void kill_due(SlotIndex slot, Time now);
  void check_running(SlotIndex slot, Time now);
  void check_overhead(SlotIndex slot, const channel::Stamp& stamp, Time now);
  void check_deadline(SlotIndex slot, Time now);
  void check_killed(SlotIndex slot, Time now);
  void take_back_from(SlotIndex slot, Time now);
  void hand_back_where_nobody_gets_on(Time now);
  void check_contact(Time now);
  void feed(Time now);
  void feed_fresh(Time now);
  void feed_queue(Time now);
  void give(SlotIndex slot, Lease&& lease, Time now);
  void requeue(Lease&& lease);
  void replace_worn(Time now);
  std::int64_t unix_us(std::int64_t steady_us) const { return steady_us + options_.unix_minus_steady_us; }
  std::vector<std::uint64_t> inside() const;
  void leave(Time now);
  void end_process(SlotIndex slot, Time now);
  void init_failure(SlotIndex slot, std::uint64_t pid, ScriptError error, bool fatal);
  std::optional<std::uint64_t> charged_task(SlotIndex slot, const std::deque<Lease>& tasks,
                                            const channel::Stamp& stamp);
  void settle_tasks(SlotIndex slot, const ProcessExit& exit, Time now);
  void charge(SlotIndex slot, const Lease& lease, Outcome outcome, ScriptError error, const ProcessExit& exit,
              Time now);
  static AttemptResult result_of(const Lease& lease);  // names it; nothing of how it went
  void hand_back(const Lease& lease);
  void hand_back_queue();
  void done_with(const Lease& lease);
  std::size_t ahead() const;
  bool nothing_waits() const { return queue_.empty() && fresh_.empty() && fetching_.empty(); }
  void hand_back_surplus(Time now);
  void hand_back_beyond(std::size_t keep);
  void tell_done(SlotIndex slot, const AttemptResult& result, const Lease& lease);
  bool revoked(std::uint64_t attempt) const;
  bool usable_slot() const;
  bool gives_work() const { return leaving_ != Leaving::kStop && leaving_ != Leaving::kAbort && !cut_off_; }

  Options options_;
  WorkerControl& control_;
  Outbox& outbox_;
  AttemptObserver& observer_;
  DataControl* data_;

  std::vector<Slot> slots_;
  std::deque<Lease> queue_;
  std::deque<Lease> fetching_;  // whose objects are on their way here
  std::deque<Lease> fresh_;     // for processes that have run nothing yet
  // Attempts whose run() ended with this agent, and when they were begun (Unix time, us).
  std::map<std::uint64_t, std::int64_t> interrupted_;
  std::vector<std::uint64_t> told_inside_;      // by the last tell_inside()
  std::map<std::uint32_t, std::string> types_;  // by input, as announced
  std::vector<std::uint64_t> revoked_;          // attempts inside processes
  Appetite appetite_;
  Time surplus_since_ = Time::max();  // max: there is none
  Time nobody_since_ = Time::max();   // no process gets on; max: one does
  Standstills standstills_;
  bool environment_ready_ = false;
  bool environment_given_up_ = false;
  Leaving leaving_ = Leaving::kNo;
  Time stop_at_ = Time::max();
  Duration session_timeout_ = Duration::zero();  // zero: no session yet
  Time contact_{};
  bool cut_off_ = false;
  std::uint32_t inits_succeeded_ = 0;
};

}  // namespace parallelrun::agent
