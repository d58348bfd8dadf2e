// What scripts leave behind: processes that have left the group of their worker process (setsid, daemons)
// and whose parent has ended.
//
// The agent adopts them all. It tells whose they were by the variable PARALLELRUN_WORKER_PID, which
// parallelrun-exec sets and descendants inherit. A process that wiped its environment is nobody's, and left
// alone. All functions are for the agent's one thread; none throws or waits for longer than it says.
#pragma once

#include <sys/types.h>

#include <chrono>

namespace parallelrun::agent {

inline constexpr const char* kWorkerPidVariable = "PARALLELRUN_WORKER_PID";

// From now on orphans become children of this process. May be called again.
void adopt_orphans();

// Kills (SIGKILL) those that came from `worker`, which has ended, with their descendants, and reaps them; of
// the descendants some are left to reap_orphans(). Waits for `patience` at most; what has not ended by then
// has its signal.
void kill_orphans_of(pid_t worker, std::chrono::milliseconds patience);

// Takes adopted processes that have ended off the kernel's table. Children that this process started itself
// (it holds a pidfd of each) are left to their owners; `own`, one of those, must be among them, else the
// kernel does not tell which they are and nothing is done.
void reap_orphans(pid_t own);

}  // namespace parallelrun::agent
