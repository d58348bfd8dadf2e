#include "common/kube/program_run.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

namespace parallelrun::kube {
namespace {

constexpr std::size_t kKeptErrors = 2000;

class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { reset(-1); }
  int get() const { return number_; }
  void reset(int number) {
    if (number_ >= 0) ::close(number_);
    number_ = number;
  }

 private:
  int number_;
};

struct Pipe {
  Descriptor read;
  Descriptor write;
  bool open() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return false;
    read.reset(ends[0]);
    write.reset(ends[1]);
    // Only our end: the program expects a write that blocks.
    return ::fcntl(ends[1], F_SETFL, 0) == 0;
  }
};

struct SpawnTables {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  SpawnTables() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  SpawnTables(const SpawnTables&) = delete;
  SpawnTables& operator=(const SpawnTables&) = delete;
  ~SpawnTables() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
};

// A child that is killed with its group and reaped by the destructor, unless it was reaped before.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ <= 0) return;
    // Before the wait its number cannot be another's.
    ::kill(-pid_, SIGKILL);
    (void)reap();
  }
  int reap() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t pid_;
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

Error start_error(const std::string& program, int code) {
  return Error{code == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
               "\"" + program + "\" cannot be started: " + std::strerror(code), code != ENOENT};
}

Result<pid_t> spawn(const ProgramRun& run, const Pipe& output, const Pipe& errors) {
  SpawnTables tables;
  posix_spawn_file_actions_addopen(&tables.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&tables.actions, output.write.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&tables.actions, errors.write.get(), STDERR_FILENO);
  posix_spawn_file_actions_addclosefrom_np(&tables.actions, 3);
  sigset_t all;
  sigset_t none;
  sigfillset(&all);
  sigemptyset(&none);
  posix_spawnattr_setsigdefault(&tables.attributes, &all);
  posix_spawnattr_setsigmask(&tables.attributes, &none);
  posix_spawnattr_setpgroup(&tables.attributes, 0);
  posix_spawnattr_setflags(&tables.attributes,
                           POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  std::vector<std::string> words{run.program};
  words.insert(words.end(), run.arguments.begin(), run.arguments.end());
  std::vector<std::string> variables = run.environment;
  const auto argv = pointers(words);
  const auto envp = pointers(variables);
  pid_t pid = -1;
  const int code =
      posix_spawnp(&pid, run.program.c_str(), &tables.actions, &tables.attributes, argv.data(), envp.data());
  if (code != 0) return start_error(run.program, code);
  return pid;
}

// Appends what can be read now, which is more than a pipe holds at most. False at the end of the stream.
bool drain(int descriptor, std::string& into) {
  std::array<char, 4096> bytes;  // NOLINT(*-member-init): filled by read
  for (int round = 0; round < 64; ++round) {
    const ssize_t count = ::read(descriptor, bytes.data(), bytes.size());
    if (count > 0) {
      into.append(bytes.data(), static_cast<std::size_t>(count));
      continue;
    }
    return count < 0 && (errno == EAGAIN || errno == EINTR);
  }
  return true;
}

}  // namespace

Result<ProgramOutcome> run_program(const ProgramRun& run) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + run.time_limit;
  Pipe output;
  Pipe errors;
  if (!output.open() || !errors.open()) return start_error(run.program, errno);
  const auto pid = spawn(run, output, errors);
  if (!pid.ok()) return pid.error();
  Child child(*pid);
  const Descriptor ended(static_cast<int>(::syscall(SYS_pidfd_open, *pid, 0)));
  if (ended.get() < 0) return start_error(run.program, errno);
  output.write.reset(-1);
  errors.write.reset(-1);

  ProgramOutcome outcome;
  std::array<pollfd, 3> entries{
      {{output.read.get(), POLLIN, 0}, {errors.read.get(), POLLIN, 0}, {ended.get(), POLLIN, 0}}};
  // Ends with the program, not with its pipes: what it left running in the background may hold them open.
  for (bool running = true; running;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
    if (left <= 0) {
      return Error{ErrorCode::kAborted,
                   "\"" + run.program + "\" did not end within " + std::to_string(run.time_limit.count()) +
                       " ms and was killed",
                   true};
    }
    (void)::poll(entries.data(), entries.size(), static_cast<int>(std::min<long long>(left, 60'000)));
    running = (entries[2].revents & POLLIN) == 0;
    if (!drain(output.read.get(), outcome.output)) entries[0].fd = -1;
    if (!drain(errors.read.get(), outcome.errors)) entries[1].fd = -1;
    if (outcome.errors.size() > kKeptErrors) {
      outcome.errors.erase(0, outcome.errors.size() - kKeptErrors);
    }
    if (outcome.output.size() > run.longest_output) {
      return Error{ErrorCode::kInvalidArgument,
                   "\"" + run.program + "\" wrote more than " + std::to_string(run.longest_output) + " bytes",
                   false};
    }
  }
  outcome.exit_code = child.reap();
  return outcome;
}

}  // namespace parallelrun::kube
