// What a verb knows of the process that it is, and of the one that started it.
#pragma once

#include <sys/types.h>

#include <string>

namespace parallelrun {

// The absolute path of this program.
std::string this_program();

// A child of the launcher ends with it, also when the launcher is killed. False: it is gone already. `parent`
// 0: it has none. `signal` says how: a job that another pod may take over must not be worked on for a moment
// longer.
bool end_with_parent(pid_t parent, int signal);

}  // namespace parallelrun
