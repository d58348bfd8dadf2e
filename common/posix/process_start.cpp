#include "common/posix/process_start.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstring>

namespace parallelrun {
namespace {

Error system_error(const std::string& what, int code) {
  const std::string message = what + ": " + std::strerror(code);
  switch (code) {
    case EAGAIN:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
      return {ErrorCode::kUnavailable, message, true};
    case ENOENT:
      return {ErrorCode::kNotFound, message};
    default:
      return {ErrorCode::kIo, message};
  }
}

}  // namespace

std::vector<char*> exec_pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  out.reserve(strings.size() + 1);
  for (const std::string& s : strings) out.push_back(const_cast<char*>(s.c_str()));
  out.push_back(nullptr);
  return out;
}

ProcessStart::ProcessStart() {
  posix_spawn_file_actions_init(&actions_);
  posix_spawnattr_init(&attributes_);
  posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes_, &none);
  posix_spawnattr_setsigdefault(&attributes_, &all);
  posix_spawnattr_setpgroup(&attributes_, 0);
  posix_spawnattr_setflags(&attributes_,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

ProcessStart::~ProcessStart() {
  posix_spawnattr_destroy(&attributes_);
  posix_spawn_file_actions_destroy(&actions_);
}

void ProcessStart::duplicate(int ours, int theirs) {
  posix_spawn_file_actions_adddup2(&actions_, ours, theirs);
}

void ProcessStart::close_from(int lowest) { posix_spawn_file_actions_addclosefrom_np(&actions_, lowest); }

void ProcessStart::working_directory(const std::string& path) {
  working_directory_ = path;
  posix_spawn_file_actions_addchdir_np(&actions_, path.c_str());
}

void ProcessStart::own_session() {
  posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

void ProcessStart::keep_ignored(int number) {
  if (!is_ignored(number)) return;
  sigset_t defaults;
  posix_spawnattr_getsigdefault(&attributes_, &defaults);
  sigdelset(&defaults, number);
  posix_spawnattr_setsigdefault(&attributes_, &defaults);
}

Result<StartedProcess> ProcessStart::start(const std::vector<std::string>& argv,
                                           const std::vector<std::string>* environment) const {
  StartedProcess child;
  const std::vector<char*> variables =
      environment != nullptr ? exec_pointers(*environment) : std::vector<char*>();
  const int code =
      ::posix_spawnp(&child.pid, argv.front().c_str(), &actions_, &attributes_, exec_pointers(argv).data(),
                     environment != nullptr ? variables.data() : environ);
  if (code != 0) {
    const std::string where = working_directory_.empty() ? "" : " in '" + working_directory_ + "'";
    return system_error("cannot start '" + argv.front() + "'" + where, code);
  }
  child.pidfd = FileDescriptor(static_cast<int>(::syscall(SYS_pidfd_open, child.pid, 0)));
  if (!child.pidfd) {
    const int error = errno;
    ::kill(-child.pid, SIGKILL);
    ::waitpid(child.pid, nullptr, 0);
    if (error == ENOSYS) {
      return Error{ErrorCode::kUnsupported, "the kernel has no pidfd_open; Linux 5.3 or later is needed"};
    }
    return system_error("cannot watch '" + argv.front() + "' (pidfd_open)", error);
  }
  return child;
}

bool is_ignored(int number) {
  struct sigaction action{};
  return ::sigaction(number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

std::string signal_name(int number) {
  const char* abbreviation = ::sigabbrev_np(number);
  return abbreviation != nullptr ? std::string("SIG") + abbreviation : "signal " + std::to_string(number);
}

}  // namespace parallelrun
