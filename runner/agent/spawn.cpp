#include "runner/agent/spawn.h"

#include <fcntl.h>
#include <poll.h>
#include <spdlog/fmt/fmt.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "runner/agent/orphans.h"

namespace parallelrun::agent {
namespace {

constexpr int kFirstOwnFd = 10;
// The loop stands still for so long at most. A process that ends takes well below a millisecond; one in the
// middle of input or output on a stuck disk may take for ever.
constexpr std::chrono::milliseconds kOrphanPatience{30};
// SIGKILL cannot be declined, so this wait is short, unless the kernel holds the process on a dead volume.
constexpr int kEndPatienceMs = 1000;

Error system_error(const std::string& what, int code) {
  const bool passing = code == EAGAIN || code == ENOMEM || code == EMFILE || code == ENFILE;
  return {passing ? ErrorCode::kUnavailable : ErrorCode::kIo, what + ": " + std::strerror(code), passing};
}

Result<FileDescriptor> moved_up(int fd) {
  const FileDescriptor low(fd);
  FileDescriptor high(::fcntl(fd, F_DUPFD_CLOEXEC, kFirstOwnFd));
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

bool ends_within(const Child& child, int timeout_ms) {
  pollfd ending{child.pidfd.get(), POLLIN, 0};
  int ready = 0;
  while ((ready = ::poll(&ending, 1, timeout_ms)) < 0 && errno == EINTR) {
  }
  return ready > 0;
}

Result<DescriptorPair> make_sockets(int type) {
  int fds[2];
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) != 0) {
    return system_error("cannot make a socket pair", errno);
  }
  return moved_up(fds[0], fds[1]);
}

}  // namespace

Result<DescriptorPair> make_output_pipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) return system_error("cannot make a pipe", errno);
  return moved_up(fds[0], fds[1]);
}

Result<DescriptorPair> make_stream_sockets() { return make_sockets(SOCK_STREAM); }
Result<DescriptorPair> make_record_sockets() { return make_sockets(SOCK_SEQPACKET); }

Result<Child> spawn(const SpawnRequest& request) {
  ProcessStart start;
  int highest = 2;
  for (const auto& [ours, theirs] : request.descriptors) {
    start.duplicate(ours, theirs);
    highest = std::max(highest, theirs);
  }
  start.close_from(highest + 1);
  if (!request.working_directory.empty()) start.working_directory(request.working_directory);
  std::vector<std::string> argv{request.exec_program, std::to_string(::getpid()),
                                std::to_string(request.memory_limit)};
  argv.insert(argv.end(), request.argv.begin(), request.argv.end());
  adopt_orphans();
  return start.start(argv, &request.environment);
}

ExitWords describe_exit(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED) {
    return {"ExitStatus", fmt::format("the process ended by itself with exit status {}", info.si_status)};
  }
  if (info.si_status == 0) return {"Unknown", "the process ended, and the kernel does not tell how"};
  const std::string name = signal_name(info.si_status);
  return {name, fmt::format("the process was killed by {} ({})", name, ::strsignal(info.si_status))};
}

bool has_ended(const Child& child) { return ends_within(child, 0); }

Ended reap(const Child& child) {
  ::kill(-child.pid, SIGKILL);
  Ended ended;
  rusage usage{};
  const bool dead = ends_within(child, kEndPatienceMs);
  // The kernel's call: that of the C library gives no usage.
  while (dead && ::syscall(SYS_waitid, P_PIDFD, child.pidfd.get(), &ended.info, WEXITED, &usage) != 0 &&
         errno == EINTR) {
  }
  ended.peak_bytes = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024U;
  kill_orphans_of(child.pid, kOrphanPatience);
  return ended;
}

}  // namespace parallelrun::agent
