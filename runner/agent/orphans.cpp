#include "runner/agent/orphans.h"

#include <signal.h>
#include <spdlog/fmt/fmt.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "runner/agent/proc_files.h"

namespace parallelrun::agent {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::microseconds kBetweenLooks{300};

pid_t number(std::string_view text) {
  pid_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// A kernel without the list of a thread's children: by the parent that each process names.
std::vector<pid_t> children_by_stat() {
  std::vector<pid_t> found;
  std::error_code error;
  const auto own = static_cast<std::uint64_t>(::getpid());
  for (fs::directory_iterator entry("/proc", error), end; !error && entry != end; entry.increment(error)) {
    const pid_t pid = number(entry->path().filename().string());
    if (pid > 0 && parse_process_stat(read_small_file(entry->path().string() + "/stat")).parent == own) {
      found.push_back(pid);
    }
  }
  return found;
}

std::vector<pid_t> children() {
  const std::string path = fmt::format("/proc/self/task/{}/children", ::getpid());
  if (::access(path.c_str(), R_OK) != 0) return children_by_stat();
  std::vector<pid_t> found;
  const std::string text = read_small_file(path);
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    if (const pid_t pid = number(std::string_view(text).substr(begin, end - begin)); pid > 0) {
      found.push_back(pid);
    }
    begin = end + 1;
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
    if (at != std::string::npos) found.push_back(number(std::string_view(info).substr(at + 6)));
  }
  return found;
}

bool came_from(pid_t pid, const std::string& mark) {
  const std::string environment = read_small_file(fmt::format("/proc/{}/environ", pid));
  return environment.starts_with(mark) || environment.find('\0' + mark) != std::string::npos;
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
  // What one of them leaves is adopted when it ends, and found by another look.
  for (;;) {
    std::vector<pid_t> dying;
    for (const pid_t pid : children()) {
      if (!came_from(pid, mark)) continue;
      ::kill(pid, SIGKILL);  // our child, not reaped: the number is its own
      dying.push_back(pid);
    }
    if (dying.empty()) return;
    while (std::erase_if(dying, take_off), !dying.empty()) {
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
  for (const pid_t pid : children()) {
    if (!is_started(pid)) take_off(pid);
  }
}

}  // namespace parallelrun::agent
