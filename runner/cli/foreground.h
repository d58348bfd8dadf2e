// A program that has the terminal, while this process waits to put things away after it.
#pragma once

#include <string>
#include <vector>

#include "common/posix/signal_queue.h"

namespace parallelrun {

// Gives its exit code: 128 + N after signal N. `stop`: SIGINT, SIGTERM and SIGHUP, which it gets without
// being blocked; those that were sent to this process alone are passed on.
int run_in_foreground(const std::vector<std::string>& argv, const std::vector<std::string>& environment,
                      SignalQueue& stop);

}  // namespace parallelrun
