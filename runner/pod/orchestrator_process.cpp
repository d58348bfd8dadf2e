#include "runner/pod/orchestrator_process.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>
#include <utility>

namespace parallelrun {
namespace {

constexpr int kProgressAs = 3;
constexpr int kControlAs = 4;
// Descriptors to be handed over stand above those numbers, so that no dup2 overwrites one of them.
constexpr int kLowest = 10;

}  // namespace

OrchestratorProcess::~OrchestratorProcess() {
  if (!running()) return;
  signal(SIGKILL);
  while (waitpid(process_.pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Status OrchestratorProcess::start(const Options& options) {
  std::array<int, 2> ends{-1, -1};
  if (events_.writer() < 0 || pipe2(ends.data(), O_CLOEXEC) != 0) {
    return Error{ErrorCode::kUnavailable, std::string("no pipe can be made: ") + std::strerror(errno), true};
  }
  const FileDescriptor theirs(ends[0]);
  control_ = FileDescriptor(ends[1]);
  fcntl(control_.get(), F_SETFL, O_NONBLOCK);
  const FileDescriptor progress_high(fcntl(events_.writer(), F_DUPFD_CLOEXEC, kLowest));
  const FileDescriptor control_high(fcntl(theirs.get(), F_DUPFD_CLOEXEC, kLowest));

  std::vector<std::string> command = {options.program,
                                      "orchestrator",
                                      "--job",
                                      options.job_file,
                                      "--listen",
                                      options.listen,
                                      "--tls-ca",
                                      options.tls.ca,
                                      "--tls-certificate",
                                      options.tls.certificate,
                                      "--tls-key",
                                      options.tls.key,
                                      "--progress-fd",
                                      std::to_string(kProgressAs),
                                      "--control-fd",
                                      std::to_string(kControlAs),
                                      "--lease",
                                      options.lease,
                                      "--run",
                                      options.run,
                                      "--parent",
                                      std::to_string(getpid())};
  if (!options.take_over.empty()) {
    command.insert(command.end(),
                   {"--take-over", options.take_over, "--take-over-job", options.take_over_job});
  }
  ProcessStart start;
  start.duplicate(progress_high.get(), kProgressAs);
  start.duplicate(control_high.get(), kControlAs);
  auto started = start.start(command, nullptr);
  events_.close_writer();
  if (!started) return started.error();
  process_ = std::move(started).value();
  return {};
}

void OrchestratorProcess::hold(bool held) {
  const std::string_view word = held ? "hold\n" : "go\n";
  // A pipe that is full has a reader that is dead or stopped: it hands nothing out.
  if (control_) [[maybe_unused]]
    const ssize_t ignored = ::write(control_.get(), word.data(), word.size());
}

void OrchestratorProcess::signal(int number) const {
  if (running()) syscall(SYS_pidfd_send_signal, process_.pidfd.get(), number, nullptr, 0);
}

}  // namespace parallelrun
