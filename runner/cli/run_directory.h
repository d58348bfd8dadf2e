// The directory of a run, which has its sockets and what only its processes read.
#pragma once

#include <string_view>

#include "common/posix/private_directory.h"
#include "common/result/result.h"

namespace parallelrun {

// The longest name of a socket in it.
inline constexpr std::string_view kOrchestratorSocket = "/orchestrator.sock";

// Below XDG_RUNTIME_DIR, TMPDIR or /tmp, whichever can be written and is short enough for a socket's path.
// What killed runs have left there is removed. Errors: kIo, what is wrong with the last place that was tried.
Result<PrivateDirectory> make_run_directory();

}  // namespace parallelrun
