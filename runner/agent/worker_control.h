// What the agent's core asks of worker processes, and what it is told of them. The real one starts
// processes (process_slots.h); tests stand in with states that move when driven.
#pragma once

#include <cstdint>
#include <string>

#include "runner/channel/frames.h"
#include "runner/protocol/messages.h"

namespace parallelrun::agent {

using SlotIndex = std::uint32_t;

// "process000", "process001", ...: a slot keeps its name when its process is replaced.
std::string process_name(SlotIndex slot);

// How a process ended, in words for the user.
struct ProcessExit {
  std::uint64_t pid = 0;
  std::string type;              // "SIGSEGV", "ExitStatus", "StartFailed"
  std::string message;           // "the process was killed by SIGSEGV (segmentation fault)"
  std::string last_stderr;       // what it wrote last, the dumped stack among it; may be empty
  channel::Stamp stamp{};        // as the process left it
  std::uint64_t peak_bytes = 0;  // the most memory that it held; 0: not known
};

// What is seen of a process from outside, beside its stamp. For messages.
struct ProcessLook {
  std::uint64_t pid = 0;
  std::size_t unfinished_bytes = 0;  // of a frame that has not come whole
  std::string state;                 // "the process is stopped (state T: ...)"; empty: nothing holds it
};

// Every call returns at once. None may call back into the core.
class WorkerControl {
 public:
  virtual ~WorkerControl() = default;

  // Precondition: the slot has no process. Ends in on_ready, on_init_failed or on_exit; a process that
  // could not be started at all is an on_exit too.
  virtual void start(SlotIndex slot) = 0;
  virtual void announce(SlotIndex slot, const InputInfo& info) = 0;
  virtual void run(SlotIndex slot, const Lease& lease) = 0;  // the task's number is the attempt's
  // No task that was given so far and has not been begun shall be begun any more; for each that the process
  // comes to, on_skipped follows. A task that it has begun just now may be seen in its stamp a moment later.
  virtual void take_back(SlotIndex slot) = 0;
  virtual void shut_down(SlotIndex slot) = 0;
  virtual void dump_stack(SlotIndex slot) = 0;  // to its stderr
  virtual void kill(SlotIndex slot) = 0;        // with its process group; on_exit follows
  virtual channel::Stamp stamp(SlotIndex slot) const = 0;
  virtual ProcessLook look(SlotIndex slot) const = 0;
};

// What brings the objects of stores to this machine (data_link.h).
class DataControl {
 public:
  virtual ~DataControl() = default;

  // Begins to fetch what the mini-batch needs; AgentCore::on_data follows, never from inside this. False:
  // it needs nothing.
  virtual bool fetch(const Lease& lease) = 0;
  // The mini-batch is done, or is given up here. Drops what was fetched for it; does nothing where that is
  // nothing.
  virtual void release(std::uint64_t attempt) = 0;
};

// What came of a fetch.
struct FetchedData {
  std::string descriptor;  // for the worker process; empty: it failed
  Outcome outcome = Outcome::kFailed;
  ScriptError error = {};
  bool ends_the_job = false;  // no mini-batch can be fetched any more
};

// Hears of each mini-batch when it is picked up and when it is done.
class AttemptObserver {
 public:
  virtual ~AttemptObserver() = default;
  virtual void picked_up(SlotIndex slot, const Lease& lease, std::int64_t unix_us) = 0;
  virtual void done(SlotIndex slot, const AttemptResult& result, const Lease& lease) = 0;
};

}  // namespace parallelrun::agent
