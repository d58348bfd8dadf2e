// The file of the running program: what its children are started from, and beside which its parts lie.
#pragma once

#include <string>

namespace parallelrun {

// The absolute path that starts this program again. In a bundle that may lie anywhere the kernel runs the
// bundle's loader (runner/cli/parallelrun_start.c): then it is the file in bin/ that started the loader.
// Empty: /proc is not mounted. `error`, if given, is then set to errno.
std::string running_program(int* error = nullptr);

// The same for what /proc/self/exe leads to: FOLDER/lib/ld-linux-ANY.so.N becomes FOLDER/bin/`name`, all else
// stays. Pure.
std::string program_behind(const std::string& executable, const std::string& name);

}  // namespace parallelrun
