#include "runner/cli/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

namespace parallelrun {

namespace {

constexpr int kInheritedAs = 3;
constexpr int kLowestOwn = 10;  // above the numbers in children, so that no dup2 overwrites it

// A pipe that holds `text` and ends after it. It fits into the pipe, so nobody has to read meanwhile.
Result<FileDescriptor> pipe_of(const std::string& text) {
  const auto failed = [] {
    return Error{ErrorCode::kUnavailable, std::string("no pipe can be made: ") + std::strerror(errno), true};
  };
  std::array<int, 2> ends{-1, -1};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return failed();
  const FileDescriptor low(ends[0]);
  const FileDescriptor writer(ends[1]);
  FileDescriptor reader(fcntl(low.get(), F_DUPFD_CLOEXEC, kLowestOwn));
  if (!reader || write(writer.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return failed();
  }
  return reader;
}

}  // namespace

std::string ExitStatus::in_words() const {
  if (!signaled) return fmt::format("exit status {}", code);
  return "killed by " + signal_name(code);
}

std::string ExitStatus::with_verb() const { return (signaled ? "was " : "ended with ") + in_words(); }

Result<ChildProcess> ChildProcess::start(const ChildOptions& options) {
  // Its own group, so that Ctrl-C reaches the launcher alone, which then stops its children in order.
  ProcessStart start;
  for (const int number : {SIGINT, SIGHUP}) start.keep_ignored(number);
  if (options.inherited_descriptor >= 0) start.duplicate(options.inherited_descriptor, kInheritedAs);
  FileDescriptor secret;
  if (!options.secret.empty()) {
    auto pipe = pipe_of(options.secret);
    if (!pipe) return pipe.error();
    secret = std::move(*pipe);
  }
  if (options.output >= 0) {
    start.duplicate(options.output, STDOUT_FILENO);
    start.duplicate(options.output, STDERR_FILENO);
  }
  // Last, since one of the others may have that number here.
  if (secret) start.duplicate(secret.get(), kSecretDescriptor);
  auto started = start.start(options.command, options.environment);
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
