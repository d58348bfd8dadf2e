#include "runner/pod/init_process.h"

#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "common/posix/process_start.h"

namespace parallelrun {
namespace {

constexpr std::array kForwarded = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};

}  // namespace

bool reap_children(int child, int& status) {
  bool ended = false;
  while (true) {
    int one = 0;
    const pid_t pid = ::waitpid(-1, &one, WNOHANG);
    if (pid < 0 && errno == EINTR) continue;
    if (pid <= 0) return ended;
    if (pid != child) continue;
    ended = true;
    status = one;
  }
}

int run_as_init(const std::function<int()>& program) {
  sigset_t waited;
  sigset_t before;
  sigemptyset(&waited);
  sigaddset(&waited, SIGCHLD);
  for (const int number : kForwarded) sigaddset(&waited, number);
  sigprocmask(SIG_BLOCK, &waited, &before);
  std::fflush(nullptr);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) {
    std::fprintf(stderr, "parallelrun: no process can be started: %s\n", std::strerror(errno));
    return 1;
  }
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) std::_Exit(1);
    sigprocmask(SIG_SETMASK, &before, nullptr);
    std::exit(program());
  }
  while (true) {
    int number = 0;
    if (sigwait(&waited, &number) != 0) continue;
    if (number != SIGCHLD) {
      ::kill(child, number);
      continue;
    }
    int status = 0;
    if (!reap_children(child, status)) continue;
    sigprocmask(SIG_SETMASK, &before, nullptr);
    if (WIFEXITED(status)) return WEXITSTATUS(status);
    std::fprintf(stderr, "parallelrun: killed by %s\n", signal_name(WTERMSIG(status)).c_str());
    return 1;
  }
}

}  // namespace parallelrun
