#include "common/posix/program_run.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "common/posix/file_descriptor.h"
#include "common/posix/memory_file.h"
#include "common/posix/process_start.h"
#include "common/result/try.h"

namespace parallelrun {
namespace {

constexpr std::size_t kKeptErrors = 2000;

struct Pipe {
  FileDescriptor read;
  FileDescriptor write;
  bool open() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return false;
    read = FileDescriptor(ends[0]);
    write = FileDescriptor(ends[1]);
    // Only our end: the program expects a write that blocks.
    return ::fcntl(ends[1], F_SETFL, 0) == 0;
  }
};

// A child that is killed with its group and reaped by the destructor, unless it was reaped before.
class Child {
 public:
  explicit Child(StartedProcess process) : process_(std::move(process)) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (process_.pid <= 0) return;
    // Before the wait its number cannot be another's.
    ::kill(-process_.pid, SIGKILL);
    (void)reap();
  }
  int ended() const { return process_.pidfd.get(); }
  int reap() {
    int status = 0;
    while (::waitpid(process_.pid, &status, 0) < 0 && errno == EINTR) {
    }
    process_.pid = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  StartedProcess process_;
};

Result<StartedProcess> start(const ProgramRun& run, const Pipe& output, const Pipe& errors) {
  ProcessStart start;
  FileDescriptor input;
  if (!run.input.empty()) {
    ASSIGN_OR_RETURN(input, memory_file("input", run.input));
    start.duplicate(input.get(), STDIN_FILENO);
  }
  start.duplicate(output.write.get(), STDOUT_FILENO);
  start.duplicate(errors.write.get(), STDERR_FILENO);
  start.close_from(3);
  std::vector<std::string> argv{run.program};
  argv.insert(argv.end(), run.arguments.begin(), run.arguments.end());
  auto started = start.start(argv, &run.environment);
  if (started.ok()) return started;
  Error error = started.error();
  error.retryable = error.code != ErrorCode::kNotFound;
  return error;
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
  if (!output.open() || !errors.open()) {
    return Error{ErrorCode::kUnavailable, std::string("no pipe can be made: ") + std::strerror(errno), true};
  }
  auto started = start(run, output, errors);
  if (!started.ok()) return started.error();
  Child child(std::move(started).value());
  output.write.close();
  errors.write.close();

  ProgramOutcome outcome;
  std::array<pollfd, 3> entries{
      {{output.read.get(), POLLIN, 0}, {errors.read.get(), POLLIN, 0}, {child.ended(), POLLIN, 0}}};
  // Ends with the program, not with its pipes: what it left running in the background may hold them open.
  for (bool running = true; running;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
    if (left <= 0) {
      return Error{ErrorCode::kAborted,
                   "\"" + run.program + "\" did not end within " + std::to_string(run.time_limit.count()) +
                       " ms and was killed",
                   true};
    }
    if (run.stopped != nullptr && *run.stopped) {
      return Error{ErrorCode::kAborted, "\"" + run.program + "\" was stopped"};
    }
    const long long most = run.stopped == nullptr ? 60'000 : 50;
    (void)::poll(entries.data(), entries.size(), static_cast<int>(std::min<long long>(left, most)));
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

}  // namespace parallelrun
