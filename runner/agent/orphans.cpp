#include "runner/agent/orphans.h"

#include <signal.h>
#include <spdlog/fmt/fmt.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "common/posix/file_descriptor.h"
#include "runner/agent/proc_files.h"

namespace parallelrun::agent {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::microseconds kBetweenLooks{300};

pid_t pid_of(std::string_view text) {
  pid_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// A kernel without the list of a thread's children: by the parent that each process names.
std::vector<pid_t> children_by_stat(pid_t parent) {
  std::vector<pid_t> found;
  std::error_code error;
  const auto wanted = static_cast<std::uint64_t>(parent);
  for (fs::directory_iterator entry("/proc", error), end; !error && entry != end; entry.increment(error)) {
    const pid_t pid = pid_of(entry->path().filename().string());
    if (pid > 0 && parse_process_stat(read_small_file(entry->path().string() + "/stat")).parent == wanted) {
      found.push_back(pid);
    }
  }
  return found;
}

// Each thread has children of its own.
std::vector<pid_t> children_of(pid_t parent) {
  static const bool listed =
      ::access(fmt::format("/proc/self/task/{}/children", ::getpid()).c_str(), R_OK) == 0;
  if (!listed) return children_by_stat(parent);
  std::vector<pid_t> found;
  std::error_code error;
  for (fs::directory_iterator thread(fmt::format("/proc/{}/task", parent), error), last;
       !error && thread != last; thread.increment(error)) {
    const std::string text = read_small_file(thread->path().string() + "/children");
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = std::min(text.find(' ', begin), text.size());
      if (const pid_t pid = pid_of(std::string_view(text).substr(begin, end - begin)); pid > 0) {
        found.push_back(pid);
      }
      begin = end + 1;
    }
  }
  return found;
}

// The processes that this one holds a pidfd of.
std::vector<pid_t> started_here() {
  std::vector<pid_t> found;
  std::error_code error;
  for (fs::directory_iterator entry("/proc/self/fd", error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code gone;
    // "anon_inode:[pidfd]", or "pidfd:[number]" on newer kernels.
    if (fs::read_symlink(entry->path(), gone).string().find("pidfd") == std::string::npos) continue;
    const std::string info = read_small_file("/proc/self/fdinfo/" + entry->path().filename().string());
    const std::size_t at = info.find("\nPid:\t");
    if (at != std::string::npos) found.push_back(pid_of(std::string_view(info).substr(at + 6)));
  }
  return found;
}

bool came_from(pid_t pid, const std::string& mark) {
  const std::string environment = read_small_file(fmt::format("/proc/{}/environ", pid));
  return environment.starts_with(mark) || environment.find('\0' + mark) != std::string::npos;
}

// Descendants are not ours to reap as yet, so a number may change hands: the descriptor tells who is meant.
struct Marked {
  pid_t pid;
  FileDescriptor process;
};

std::vector<Marked> marked_children_of(pid_t parent, const std::string& mark) {
  std::vector<Marked> found;
  for (const pid_t pid : children_of(parent)) {
    FileDescriptor process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (process && came_from(pid, mark)) found.push_back({pid, std::move(process)});
  }
  return found;
}

// Parents first: they could start others in place of those that are killed.
void kill_with_descendants(const std::vector<Marked>& processes, const std::string& mark) {
  for (const Marked& one : processes) {
    const std::vector<Marked> children = marked_children_of(one.pid, mark);
    ::syscall(SYS_pidfd_send_signal, one.process.get(), SIGKILL, nullptr, 0);
    kill_with_descendants(children, mark);
  }
}

bool take_off(pid_t pid) {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG) != 0 || info.si_pid == pid;
}

}  // namespace

void adopt_orphans() { ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); }

void kill_orphans_of(pid_t worker, std::chrono::milliseconds patience) {
  const Clock::time_point deadline = Clock::now() + patience;
  std::string mark = fmt::format("{}={}", kWorkerPidVariable, worker);
  mark.push_back('\0');
  // They may take longer to end than there is patience, so what they have started is not waited for. What one
  // of them starts at this very moment is adopted when it ends, and found by another look.
  for (;;) {
    std::vector<Marked> dying = marked_children_of(::getpid(), mark);
    if (dying.empty()) return;
    kill_with_descendants(dying, mark);
    while (std::erase_if(dying, [](const Marked& one) { return take_off(one.pid); }), !dying.empty()) {
      if (Clock::now() >= deadline) return;
      std::this_thread::sleep_for(kBetweenLooks);
    }
  }
}

void reap_orphans(pid_t own) {
  const std::vector<pid_t> started = started_here();
  const auto is_started = [&](pid_t pid) {
    return std::find(started.begin(), started.end(), pid) != started.end();
  };
  if (!is_started(own)) return;
  for (const pid_t pid : children_of(::getpid())) {
    if (!is_started(pid)) take_off(pid);
  }
}

}  // namespace parallelrun::agent
