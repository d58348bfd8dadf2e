#include "runner/cli/replay_data.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "common/posix/file_descriptor.h"
#include "common/posix/process_start.h"
#include "common/text/presentable.h"
#include "runner/cli/launcher.h"
#include "runner/cli/run_directory.h"
#include "runner/cli/shown.h"
#include "runner/cli/this_process.h"
#include "runner/store/data_messages.h"

namespace parallelrun {
namespace {

constexpr std::uint64_t kRequest = 1;
constexpr int kExitOfSignal = 128;
constexpr double kMostSeconds = 7 * 24 * 3600;  // there is no timeout: Ctrl-C ends it

void say(const std::string& note) { std::fprintf(stderr, "%s\n", presentable(note).c_str()); }

// What a terminal sends goes to the script as well. The rest goes to this process alone.
int sent_to_us_alone(int descriptor) {
  signalfd_siginfo info{};
  if (::read(descriptor, &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return 0;
  return info.ssi_code == SI_KERNEL ? 0 : static_cast<int>(info.ssi_signo);
}

}  // namespace

Result<std::unique_ptr<ReplayData>> ReplayData::make() {
  Result<PrivateDirectory> cache = make_data_directory();
  if (!cache) return cache.error();
  Result<PrivateDirectory> run_directory = make_run_directory();
  if (!run_directory) return run_directory.error();
  return std::unique_ptr<ReplayData>(new ReplayData(std::move(*cache), std::move(*run_directory)));
}

std::optional<int> ReplayData::begin(const JobSpec& spec, const std::vector<StoreInUse>& stores) {
  std::vector<std::string> withheld;
  environment_ = environment_without_credentials(spec, stores, withheld);
  stop_.emplace(std::initializer_list<int>{SIGINT, SIGTERM, SIGHUP});
  process_.emplace(this_program(), run_directory_.path(), cache_.path());
  if (const auto refused = process_->begin(stores, *stop_, say)) return refused;
  ::setenv(kDataSocketVariable, process_->socket().c_str(), 1);
  return std::nullopt;
}

Result<std::string> ReplayData::fetch(const MiniBatch& mini_batch, const Input& input,
                                      const InputFormat& format) {
  auto objects = format.objects_to_fetch(mini_batch.descriptor);
  if (!objects) return objects.error();
  if (objects->empty()) return mini_batch.descriptor;
  auto opened = DataConnection::open(process_->socket(), kDataPatience);
  if (!opened) return opened.error();
  connection_.emplace(std::move(*opened));
  const std::string what = fmt::format("mini-batch {}", mini_batch.id.value);
  const Status sent = connection_->send(
      fetch_request({kRequest, input.name, std::move(*objects), kMostSeconds, what, false}));
  if (!sent) return sent.error();
  while (true) {
    std::array<pollfd, 2> watched{{{connection_->descriptor(), POLLIN, 0}, {stop_->descriptor(), POLLIN, 0}}};
    if (::poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR)
      return Error{ErrorCode::kIo, std::strerror(errno)};
    if (stop_->take() != 0) return Error{ErrorCode::kAborted, "interrupted"};
    if (watched[0].revents == 0) continue;
    auto answer = connection_->receive();
    if (!answer) return answer.error();
    if (answer->error) return Error{ErrorCode::kIo, answer->error->message};
    if (answer->paths) return format.localized(mini_batch.descriptor, *answer->paths);
  }
}

int ReplayData::run(const std::vector<std::string>& argv, const std::vector<std::string>& environment) {
  const std::vector<char*> arguments = exec_pointers(argv);
  const std::vector<char*> variables = exec_pointers(environment);
  sigset_t none;
  ::sigemptyset(&none);
  // In our process group: it owns the terminal, for the debugger.
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execve(arguments.front(), arguments.data(), variables.data());
    ::_exit(kExitFailed);
  }
  if (child < 0)
    return refuse(fmt::format("cannot start '{}': {}", argv.front(), std::strerror(errno)), kExitFailed);
  const FileDescriptor ended(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  std::array<pollfd, 2> watched{{{ended.get(), POLLIN, 0}, {stop_->descriptor(), POLLIN, 0}}};
  while (ended && (::poll(watched.data(), watched.size(), -1) >= 0 || errno == EINTR)) {
    if (const int number = sent_to_us_alone(stop_->descriptor()); number != 0) ::kill(child, number);
    if (watched[0].revents != 0) break;
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFSIGNALED(status)) return WEXITSTATUS(status);
  const ExitStatus how{true, WTERMSIG(status)};
  return refuse("the process that runs the script " + how.with_verb(), kExitOfSignal + how.code);
}

}  // namespace parallelrun
