// Starting a child process that cannot be confused with another one: it has a process group of its own and
// is watched through a pidfd, so that no signal ever reaches a pid that was given away again.
#pragma once

#include <spawn.h>
#include <sys/types.h>

#include <string>
#include <vector>

#include "common/posix/file_descriptor.h"
#include "common/result/result.h"

namespace parallelrun {

// To be reaped by its owner; as long as it is not, neither the pid nor the group can be anybody else's.
struct StartedProcess {
  pid_t pid = 0;
  FileDescriptor pidfd;  // readable once the process has ended
};

// What the child begins with: /dev/null as standard input, every signal at its default and none blocked,
// besides what is asked for below, in that order. One object starts one or more processes.
class ProcessStart {
 public:
  ProcessStart();
  ~ProcessStart();
  ProcessStart(const ProcessStart&) = delete;
  ProcessStart& operator=(const ProcessStart&) = delete;

  void duplicate(int ours, int theirs);  // `theirs` is the number in the child
  void close_from(int lowest);           // no descriptor from this number on
  void working_directory(const std::string& path);
  // In place of a process group of its own alone: no end of a terminal reaches it.
  void own_session();
  // Where we ignore the signal, the child does too (nohup).
  void keep_ignored(int number);

  // argv[0] is the program: with a '/' that file, else looked up in our PATH. `environment`: "NAME=value",
  // the whole of it; null: ours. Errors: kNotFound (program or working directory), kUnavailable (no process
  // can be made now; retryable), kUnsupported (no pidfd_open, Linux before 5.3), kIo; the message names the
  // program.
  Result<StartedProcess> start(const std::vector<std::string>& argv,
                               const std::vector<std::string>* environment) const;

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
  std::string working_directory_;
};

// For exec and posix_spawn: pointers into `strings`, which must outlive them, with a null pointer at the end.
std::vector<char*> exec_pointers(const std::vector<std::string>& strings);

// Whether this process ignores the signal, as one that nohup started, or a shell without job control in the
// background. Who takes such a signal over takes away what was asked for.
bool is_ignored(int number);

// "SIGSEGV"; "signal 77" where the number has no name.
std::string signal_name(int number);

}  // namespace parallelrun
