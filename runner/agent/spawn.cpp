#include "runner/agent/spawn.h"

#include <fcntl.h>
#include <spawn.h>
#include <spdlog/fmt/fmt.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace parallelrun::agent {
namespace {

constexpr int kFirstOwnFd = 10;

Error system_error(const std::string& what, int code) {
  const bool passing = code == EAGAIN || code == ENOMEM || code == EMFILE || code == ENFILE;
  return {passing ? ErrorCode::kUnavailable : ErrorCode::kIo, what + ": " + std::strerror(code), passing};
}

Result<UniqueFd> moved_up(int fd) {
  const UniqueFd low(fd);
  UniqueFd high(::fcntl(fd, F_DUPFD_CLOEXEC, kFirstOwnFd));
  if (!high) return system_error("cannot make a descriptor", errno);
  return high;
}

Result<DescriptorPair> moved_up(int ours, int theirs) {
  auto high_ours = moved_up(ours);
  auto high_theirs = moved_up(theirs);
  if (!high_ours) return high_ours.error();
  if (!high_theirs) return high_theirs.error();
  const int flags = ::fcntl(high_ours->get(), F_GETFL);
  ::fcntl(high_ours->get(), F_SETFL, flags | O_NONBLOCK);
  return DescriptorPair{std::move(*high_ours), std::move(*high_theirs)};
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  out.reserve(strings.size() + 1);
  for (const std::string& s : strings) out.push_back(const_cast<char*>(s.c_str()));
  out.push_back(nullptr);
  return out;
}

// The two tables of posix_spawn, destroyed with this object.
class SpawnTables {
 public:
  SpawnTables() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  ~SpawnTables() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnTables(const SpawnTables&) = delete;
  SpawnTables& operator=(const SpawnTables&) = delete;

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

}  // namespace

Result<DescriptorPair> make_output_pipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) return system_error("cannot make a pipe", errno);
  return moved_up(fds[0], fds[1]);
}

Result<DescriptorPair> make_stream_sockets() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
    return system_error("cannot make a socket pair", errno);
  }
  return moved_up(fds[0], fds[1]);
}

Result<Child> spawn(const SpawnRequest& request) {
  SpawnTables tables;
  posix_spawn_file_actions_addopen(&tables.actions, 0, "/dev/null", O_RDONLY, 0);
  int highest = 2;
  for (const auto& [ours, theirs] : request.descriptors) {
    posix_spawn_file_actions_adddup2(&tables.actions, ours, theirs);
    highest = std::max(highest, theirs);
  }
  posix_spawn_file_actions_addclosefrom_np(&tables.actions, highest + 1);
  if (!request.working_directory.empty()) {
    posix_spawn_file_actions_addchdir_np(&tables.actions, request.working_directory.c_str());
  }

  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&tables.attributes, &none);
  posix_spawnattr_setsigdefault(&tables.attributes, &all);
  posix_spawnattr_setpgroup(&tables.attributes, 0);
  posix_spawnattr_setflags(&tables.attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  std::vector<std::string> argv{request.exec_program, std::to_string(::getpid())};
  argv.insert(argv.end(), request.argv.begin(), request.argv.end());

  Child child;
  const int code =
      ::posix_spawn(&child.pid, request.exec_program.c_str(), &tables.actions, &tables.attributes,
                    pointers(argv).data(), pointers(request.environment).data());
  if (code != 0) {
    return system_error(
        fmt::format("cannot start '{}' in '{}'", request.argv.front(), request.working_directory), code);
  }
  child.pidfd = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, child.pid, 0)));
  if (!child.pidfd) {
    const int error = errno;
    ::kill(-child.pid, SIGKILL);
    ::waitpid(child.pid, nullptr, 0);
    return system_error("cannot watch a process (pidfd_open)", error);
  }
  return child;
}

ExitWords describe_exit(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED) {
    return {"ExitStatus", fmt::format("the process ended by itself with exit status {}", info.si_status)};
  }
  const char* abbreviation = ::sigabbrev_np(info.si_status);
  const std::string name =
      abbreviation != nullptr ? std::string("SIG") + abbreviation : fmt::format("signal {}", info.si_status);
  return {name, fmt::format("the process was killed by {} ({})", name, ::strsignal(info.si_status))};
}

siginfo_t reap(const Child& child) {
  ::kill(-child.pid, SIGKILL);
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(child.pidfd.get()), &info, WEXITED) != 0 && errno == EINTR) {
  }
  return info;
}

}  // namespace parallelrun::agent
