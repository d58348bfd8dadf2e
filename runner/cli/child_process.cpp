#include "runner/cli/child_process.h"

#include <fmt/format.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <utility>

namespace parallelrun {

namespace {

constexpr int kInheritedAs = 3;

}  // namespace

std::string ExitStatus::in_words() const {
  if (!signaled) return fmt::format("exit status {}", code);
  return "killed by " + signal_name(code);
}

Result<ChildProcess> ChildProcess::start(const ChildOptions& options) {
  // Its own group, so that Ctrl-C reaches the launcher alone, which then stops its children in order.
  ProcessStart start;
  for (const int number : {SIGINT, SIGHUP}) start.keep_ignored(number);
  if (options.inherited_descriptor >= 0) start.duplicate(options.inherited_descriptor, kInheritedAs);
  if (options.output >= 0) {
    start.duplicate(options.output, STDOUT_FILENO);
    start.duplicate(options.output, STDERR_FILENO);
  }
  auto started = start.start(options.command, nullptr);
  if (!started) return started.error();
  return ChildProcess(std::move(*started));
}

ChildProcess::~ChildProcess() {
  if (!running()) return;
  kill_group();
  waitpid(process_.pid, nullptr, 0);
}

void ChildProcess::signal(int number) const {
  if (running()) syscall(SYS_pidfd_send_signal, descriptor(), number, nullptr, 0);
}

void ChildProcess::kill_group() const {
  // Not reaped yet, so neither the pid nor the group's number can belong to somebody else.
  if (running()) kill(-process_.pid, SIGKILL);
}

std::optional<ExitStatus> ChildProcess::try_reap() {
  if (!running()) return std::nullopt;
  int status = 0;
  if (waitpid(process_.pid, &status, WNOHANG) != process_.pid) return std::nullopt;
  process_.pidfd.close();
  ExitStatus ended;
  ended.signaled = WIFSIGNALED(status);
  ended.code = ended.signaled ? WTERMSIG(status) : WEXITSTATUS(status);
  return ended;
}

}  // namespace parallelrun
