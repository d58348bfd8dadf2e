#include "runner/web/run_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <optional>
#include <sstream>
#include <string_view>

#include "common/json/json.h"
#include "common/json/members.h"
#include "common/posix/host_name.h"
#include "common/result/denied.h"
#include "common/result/try.h"
#include "common/text/presentable.h"

namespace parallelrun::web {
namespace {

constexpr std::size_t kMostLocks = std::size_t{4} << 20U;

Error not_sure(const std::string& why) { return {ErrorCode::kConflict, why}; }

std::string read_proc(const std::string& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  std::array<char, 4096> piece{};
  while (file && text.size() < kMostLocks) {
    const ssize_t n = ::read(file.get(), piece.data(), piece.size());
    if (n <= 0) break;
    text.append(piece.data(), static_cast<std::size_t>(n));
  }
  return text;
}

// A field of /proc/PID/status: "PPid", "Uid" (the first of four), "SigIgn".
std::string status_field(pid_t pid, std::string_view name) {
  std::istringstream lines(read_proc(fmt::format("/proc/{}/status", pid)));
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name) || line[name.size()] != ':') continue;
    const std::size_t begin = line.find_first_not_of(" \t", name.size() + 1);
    return begin == std::string::npos ? "" : line.substr(begin, line.find_first_of(" \t", begin) - begin);
  }
  return "";
}

bool is_program_of_ours(pid_t pid) {
  return status_field(pid, "Name").starts_with("parallelrun") &&
         status_field(pid, "Uid") == std::to_string(geteuid());
}

// Whether /proc/locks has a line such as "1: FLOCK  ADVISORY  WRITE 1234 fd:01:5678 0 EOF" of this process
// and file. The device is another one there on some file systems; process and file number are not.
bool holds_lock(pid_t pid, ino_t inode) {
  std::istringstream lines(read_proc("/proc/locks"));
  const std::string ending = ":" + std::to_string(inode);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string number, kind, advisory, mode, holder, file;
    words >> number >> kind >> advisory >> mode >> holder >> file;
    if (kind == "FLOCK" && mode == "WRITE" && holder == std::to_string(pid) && file.ends_with(ending))
      return true;
  }
  return false;
}

FileDescriptor open_process(pid_t pid) {
  return FileDescriptor(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

}  // namespace

Result<RunProcess> find_run(const OutputFolder& folder) {
  const auto lock = folder.file(".parallelrun/lock");
  if (!lock) return not_sure("no run works in this directory");
  ASSIGN_OR_RETURN(const std::string text, read_begin(*lock, 4096));
  const nlohmann::json holder = nlohmann::json::parse(text, nullptr, false);
  const bool released = holder.is_object() && holder.value("released", nlohmann::json(false)) == true;
  if (!holder.is_object() || released) return not_sure("no run works in this directory");
  if (text_at(holder, "host") != host_name())
    return not_sure(fmt::format("the run is one of another machine ('{}'): interrupt it there",
                                presentable(text_at(holder, "host"))));
  const auto pid = static_cast<pid_t>(number_at(holder, "pid").value_or(0));
  if (pid <= 0) return not_sure("the lock of this directory does not say which process holds it");
  // From here on the number means this process: what is found out below is of it.
  const FileDescriptor orchestrator = open_process(pid);
  struct stat status{};
  if (!orchestrator || fstat(lock->get(), &status) != 0 || !holds_lock(pid, status.st_ino))
    return not_sure("no process of this machine holds the lock of this directory");
  if (!is_program_of_ours(pid)) return not_sure("the run is one of another user: that one can interrupt it");
  RunProcess run;
  const std::string parent = status_field(pid, "PPid");
  std::from_chars(parent.data(), parent.data() + parent.size(), run.pid);
  run.pidfd = run.pid > 1 ? open_process(run.pid) : FileDescriptor();
  // Still its parent, now that it cannot be confused any more.
  if (!run.pidfd || status_field(pid, "PPid") != parent || !is_program_of_ours(run.pid))
    return not_sure("the process that started this run is not to be found: it may be ending");
  std::uint64_t ignored = 0;
  const std::string mask = status_field(run.pid, "SigIgn");
  std::from_chars(mask.data(), mask.data() + mask.size(), ignored, 16);
  run.ignores_interrupt = (ignored >> (SIGINT - 1) & 1U) != 0;
  return run;
}

Status interrupt(const RunProcess& run) {
  const int number = run.ignores_interrupt ? SIGTERM : SIGINT;
  if (syscall(SYS_pidfd_send_signal, run.pidfd.get(), number, nullptr, 0) == 0) return {};
  if (errno == ESRCH) return not_sure("the run has ended meanwhile");
  return Error{errno == EPERM ? kDenied : ErrorCode::kIo,
               fmt::format("the run cannot be interrupted: {}", std::strerror(errno))};
}

}  // namespace parallelrun::web
