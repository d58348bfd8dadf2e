#include "runner/web/run_starter.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "common/json/json.h"
#include "common/json/members.h"
#include "common/result/try.h"
#include "runner/web/output_folder.h"

namespace parallelrun::web {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kLongestLine = std::size_t{1} << 20U;
constexpr std::size_t kMostErrors = std::size_t{16} << 10U;
constexpr std::size_t kMostNotes = 20;
constexpr int kExitOfRefusal = 2;

// What `run --json` prints (docs/command-line.md).
void take_event(std::string_view line, BegunRun& run) {
  const nlohmann::json event = nlohmann::json::parse(line, nullptr, false);
  const std::string kind = text_at(event, "event");
  if (const std::string output = text_at(event, "output"); kind == "note" && !output.empty())
    run.output = output;
  if (kind == "progress" || kind == "finished") run.works = true;
  if ((kind == "note" || kind == "warning") && run.told.size() < kMostNotes)
    run.told.push_back(text_at(event, "message"));
}

// Reads until the run works, or writes nothing more, or the time is over.
void listen(int pipe, Clock::time_point deadline, BegunRun& run) {
  std::string line;
  std::array<char, 4096> piece{};
  while (!run.works) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd readable{pipe, POLLIN, 0};
    if (left <= 0 || (poll(&readable, 1, static_cast<int>(left)) < 0 && errno != EINTR)) return;
    if (readable.revents == 0) continue;
    const ssize_t n = ::read(pipe, piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0 || line.size() > kLongestLine) return;
    line.append(piece.data(), static_cast<std::size_t>(n));
    for (std::size_t end = line.find('\n'); end != std::string::npos; end = line.find('\n')) {
      take_event(std::string_view(line).substr(0, end), run);
      line.erase(0, end + 1);
    }
  }
}

// Empty: it has not ended.
std::optional<siginfo_t> end_of(const StartedProcess& process) {
  siginfo_t end{};
  const auto pidfd = static_cast<id_t>(process.pidfd.get());
  if (waitid(P_PIDFD, pidfd, &end, WEXITED | WNOHANG) != 0 || end.si_pid == 0) return std::nullopt;
  return end;
}

Error error_of_end(const siginfo_t& end, std::string said) {
  while (said.ends_with('\n')) said.pop_back();
  constexpr std::string_view kName = "parallelrun: ";
  if (said.starts_with(kName)) said.erase(0, kName.size());
  const bool exited = end.si_code == CLD_EXITED;
  if (said.empty())
    said = exited ? fmt::format("it ended at once with exit status {} and gave no reason", end.si_status)
                  : fmt::format("it was killed at once by {}", signal_name(end.si_status));
  return {exited && end.si_status == kExitOfRefusal ? ErrorCode::kInvalidArgument : ErrorCode::kIo, said};
}

}  // namespace

Result<BegunRun> RunStarter::start(const std::vector<std::string>& words) {
  const std::lock_guard lock(mutex_);  // the next one finds the output directory of this one
  reap();
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0)
    return Error{ErrorCode::kIo, fmt::format("cannot make a pipe: {}", std::strerror(errno))};
  const FileDescriptor events(ends[0]);
  FileDescriptor printed(ends[1]);
  // In memory: it has no name that anybody could find, and goes with the run.
  const FileDescriptor errors(memfd_create("errors", MFD_CLOEXEC));
  if (!errors) return Error{ErrorCode::kIo, fmt::format("cannot make a file: {}", std::strerror(errno))};

  ProcessStart start;
  start.own_session();
  start.duplicate(printed.get(), STDOUT_FILENO);
  start.duplicate(errors.get(), STDERR_FILENO);
  start.close_from(STDERR_FILENO + 1);
  std::vector<std::string> command = {program_};
  command.insert(command.end(), words.begin(), words.end());
  ASSIGN_OR_RETURN(StartedProcess process, start.start(command, nullptr));
  printed.close();

  BegunRun run;
  run.pid = process.pid;
  const auto deadline = Clock::now() + patience_;
  listen(events.get(), deadline, run);
  if (!run.works) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd ended{process.pidfd.get(), POLLIN, 0};
    poll(&ended, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
    if (const auto end = end_of(process)) {
      ASSIGN_OR_RETURN(const std::string said, read_end(errors, kMostErrors));
      return error_of_end(*end, said);
    }
  }
  started_.push_back(std::move(process));
  return run;
}

void RunStarter::reap() {
  std::erase_if(started_, [](const StartedProcess& process) { return end_of(process).has_value(); });
}

}  // namespace parallelrun::web
