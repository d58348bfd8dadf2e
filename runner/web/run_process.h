// The `parallelrun run` that works in an output directory of this machine, and the interrupt that Ctrl-C at
// its terminal would be.
#pragma once

#include <sys/types.h>

#include <string>

#include "common/posix/file_descriptor.h"
#include "common/result/result.h"
#include "runner/web/output_folder.h"

namespace parallelrun::web {

// A process that cannot be confused with a later one of its number.
struct RunProcess {
  pid_t pid = 0;
  FileDescriptor pidfd;
  bool ignores_interrupt = false;  // it was started with nohup or the like
};

// Whoever holds the lock of the directory is the orchestrator; its parent is the run. Both must be programs
// of ours, of our own user, on this machine; the kernel itself says who holds the lock (/proc/locks), not
// what stands in the file. Nobody's lock is touched. Errors: kConflict with the reason as a sentence.
Result<RunProcess> find_run(const OutputFolder& folder);

// Sends it. Errors: kConflict (it has ended), kDenied, kIo.
Status interrupt(const RunProcess& run);

}  // namespace parallelrun::web
