// The duties of process 1 of a container, which the kernel gives every orphan to and protects from signals.
#pragma once

#include <functional>

namespace parallelrun {

// Runs `program` in a child process, gives it the signals that stop a process (SIGTERM, SIGINT, SIGHUP,
// SIGQUIT), reaps every process that is left to us, and returns the child's exit status; 1 where a signal
// killed it. The child is killed when we are. To be called on the main thread, with no other thread beside
// it.
int run_as_init(const std::function<int()>& program);

// Reaps without waiting whatever children have ended. Gives the wait status of `child` through `status` and
// true if it was among them.
bool reap_children(int child, int& status);

}  // namespace parallelrun
