#include "runner/cli/foreground.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "common/posix/file_descriptor.h"
#include "common/posix/process_start.h"
#include "runner/cli/launcher.h"
#include "runner/cli/shown.h"

namespace parallelrun {
namespace {

constexpr int kExitOfSignal = 128;

// What a terminal sends goes to the script as well. The rest goes to this process alone.
int sent_to_us_alone(int descriptor) {
  signalfd_siginfo info{};
  if (::read(descriptor, &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return 0;
  return info.ssi_code == SI_KERNEL ? 0 : static_cast<int>(info.ssi_signo);
}

}  // namespace

int run_in_foreground(const std::vector<std::string>& argv, const std::vector<std::string>& environment,
                      SignalQueue& stop) {
  const std::vector<char*> arguments = exec_pointers(argv);
  const std::vector<char*> variables = exec_pointers(environment);
  sigset_t none;
  ::sigemptyset(&none);
  // In our process group: it owns the terminal, for the debugger.
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execve(arguments.front(), arguments.data(), variables.data());
    ::_exit(kExitFailed);
  }
  if (child < 0)
    return refuse(fmt::format("cannot start '{}': {}", argv.front(), std::strerror(errno)), kExitFailed);
  const FileDescriptor ended(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  std::array<pollfd, 2> watched{{{ended.get(), POLLIN, 0}, {stop.descriptor(), POLLIN, 0}}};
  while (ended && (::poll(watched.data(), watched.size(), -1) >= 0 || errno == EINTR)) {
    if (const int number = sent_to_us_alone(stop.descriptor()); number != 0) ::kill(child, number);
    if (watched[0].revents != 0) break;
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFSIGNALED(status)) return WEXITSTATUS(status);
  const ExitStatus how{true, WTERMSIG(status)};
  return refuse("the process that runs the script " + how.with_verb(), kExitOfSignal + how.code);
}

}  // namespace parallelrun
