#include "runner/cli/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

namespace parallelrun {

namespace {

constexpr int kInheritedAs = 3;

// The C library of Debian 12 has no posix_spawnattr_t destructor; this is one.
struct SpawnSettings {
  posix_spawnattr_t attributes{};
  posix_spawn_file_actions_t actions{};
  SpawnSettings() {
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_init(&actions);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
};

}  // namespace

std::string ExitStatus::in_words() const {
  if (!signaled) return fmt::format("exit status {}", code);
  const char* name = sigabbrev_np(code);
  return name != nullptr ? fmt::format("killed by SIG{}", name) : fmt::format("killed by signal {}", code);
}

Result<ChildProcess> ChildProcess::start(const ChildOptions& options) {
  SpawnSettings settings;
  // Its own group, so that Ctrl-C reaches the launcher alone, which then stops its children in order.
  posix_spawnattr_setpgroup(&settings.attributes, 0);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&settings.attributes, &none);
  sigset_t defaults;
  sigemptyset(&defaults);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) sigaddset(&defaults, number);
  posix_spawnattr_setsigdefault(&settings.attributes, &defaults);
  posix_spawnattr_setflags(&settings.attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  posix_spawn_file_actions_addopen(&settings.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  if (options.inherited_descriptor >= 0) {
    posix_spawn_file_actions_adddup2(&settings.actions, options.inherited_descriptor, kInheritedAs);
  }

  std::vector<char*> arguments;
  arguments.reserve(options.command.size() + 1);
  for (const std::string& argument : options.command)
    arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);

  pid_t pid = -1;
  const int error = posix_spawn(&pid, options.command.front().c_str(), &settings.actions,
                                &settings.attributes, arguments.data(), environ);
  if (error != 0) {
    return Error{error == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
                 "cannot start '" + options.command.front() + "': " + std::strerror(error)};
  }
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (pidfd < 0) {
    const int why = errno;
    kill(-pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    return Error{ErrorCode::kUnsupported,
                 std::string("pidfd_open (Linux 5.3 or later is needed): ") + std::strerror(why)};
  }
  return ChildProcess(pid, pidfd);
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), pidfd_(std::exchange(other.pidfd_, -1)) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(pidfd_, other.pidfd_);
  return *this;
}

ChildProcess::~ChildProcess() {
  if (pidfd_ < 0) return;
  kill_group();
  waitpid(pid_, nullptr, 0);
  close(pidfd_);
}

void ChildProcess::signal(int number) const {
  if (pidfd_ >= 0) syscall(SYS_pidfd_send_signal, pidfd_, number, nullptr, 0);
}

void ChildProcess::kill_group() const {
  // Not reaped yet, so neither the pid nor the group's number can belong to somebody else.
  if (pidfd_ >= 0) kill(-pid_, SIGKILL);
}

std::optional<ExitStatus> ChildProcess::try_reap() {
  if (pidfd_ < 0) return std::nullopt;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  close(std::exchange(pidfd_, -1));
  ExitStatus ended;
  ended.signaled = WIFSIGNALED(status);
  ended.code = ended.signaled ? WTERMSIG(status) : WEXITSTATUS(status);
  return ended;
}

}  // namespace parallelrun
