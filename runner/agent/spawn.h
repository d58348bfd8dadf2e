// Starting a child process, and saying in words how it ended.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "common/posix/file_descriptor.h"
#include "common/posix/process_start.h"
#include "common/result/result.h"

namespace parallelrun::agent {

struct SpawnRequest {
  std::string exec_program;              // the path of parallelrun-exec
  std::vector<std::string> argv;         // argv[0] is the absolute path of the program
  std::vector<std::string> environment;  // "NAME=value", the whole of it
  std::string working_directory;         // empty: the agent's
  std::uint64_t memory_limit = 0;        // bytes that it may allocate; 0: no limit
  // Ours -> the child's number, below 10. The child's 0 is /dev/null where it is not among them.
  std::vector<std::pair<int, int>> descriptors;
};

using Child = StartedProcess;

// Starts a process in a group of its own, with no descriptor but those listed, default signals, and
// SIGKILL when the calling thread ends (that thread must live as long as the agent).
// Errors: kIo, kUnavailable (no process can be made now; retryable).
Result<Child> spawn(const SpawnRequest& request);

// A pair of connected close-on-exec descriptors, numbered from 10 up so that they never collide with a
// child's. `ours` does not block.
struct DescriptorPair {
  FileDescriptor ours;
  FileDescriptor theirs;
};
Result<DescriptorPair> make_output_pipe();  // ours: the end to read
Result<DescriptorPair> make_stream_sockets();
Result<DescriptorPair> make_record_sockets();  // each write is one read, whole

struct ExitWords {
  std::string type;     // "SIGSEGV", "ExitStatus"
  std::string message;  // "the process was killed by SIGSEGV (Segmentation fault)"
};
ExitWords describe_exit(const siginfo_t& info);

// Whether the process has ended; does not wait. The event loop may report a pidfd as readable because of an
// earlier descriptor that it kept at the same address, so ask here before `reap`, which kills.
bool has_ended(const Child& child);

// Kills the group, then takes the ended process off the kernel's table, then kills what it has left outside
// its group. Waits for a second at most: a process that has not ended by then stays on the table. The group
// dies first because its number may be given away afterwards.
struct Ended {
  siginfo_t info{};
  std::uint64_t peak_bytes = 0;  // the most memory that it, or a child that it waited for, held
};
Ended reap(const Child& child);

}  // namespace parallelrun::agent
