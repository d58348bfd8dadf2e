// A child process of the launcher: started once, watched through a pidfd, killed with its group.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/posix/process_start.h"
#include "common/result/result.h"

namespace parallelrun {

// How a process ended.
struct ExitStatus {
  bool signaled = false;
  int code = 0;  // exit status, or the signal's number
  // "exit status 3", "killed by SIGSEGV"
  std::string in_words() const;
  // The same behind the name of the process: "ended with exit status 3", "was killed by SIGSEGV"
  std::string with_verb() const;
};

inline constexpr int kSecretDescriptor = 4;

struct ChildOptions {
  std::vector<std::string> command;  // command[0] is the program's path
  int inherited_descriptor = -1;     // becomes descriptor 3 of the child; -1: none
  // Can be read from descriptor kSecretDescriptor of the child, by it alone; empty: none. At most 4 KiB.
  std::string secret = {};
  int output = -1;  // becomes its standard output and error; -1: it has ours
  const std::vector<std::string>* environment = nullptr;  // "NAME=value", the whole of it; null: ours
};

// Owns one running process, in a process group of its own. The destructor kills the group (SIGKILL) and
// reaps. Not thread-safe. The pidfd makes a signal to a reused pid impossible.
class ChildProcess {
 public:
  // Errors: those of ProcessStart::start.
  static Result<ChildProcess> start(const ChildOptions& options);
  ~ChildProcess();
  ChildProcess(ChildProcess&& other) noexcept = default;
  ChildProcess& operator=(ChildProcess&& other) noexcept {
    std::swap(process_, other.process_);
    return *this;
  }

  pid_t pid() const { return process_.pid; }
  // Readable (poll) when the process has ended; valid as long as this object.
  int descriptor() const { return process_.pidfd.get(); }
  void signal(int number) const;
  void kill_group() const;
  // Reaps without waiting; empty while it runs. After that the object is done.
  std::optional<ExitStatus> try_reap();
  bool running() const { return static_cast<bool>(process_.pidfd); }

 private:
  explicit ChildProcess(StartedProcess process) : process_(std::move(process)) {}
  StartedProcess process_;
};

}  // namespace parallelrun
