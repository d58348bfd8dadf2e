#include "runner/agent/command.h"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <memory>
#include <utility>

#include "runner/agent/spawn.h"

namespace parallelrun::agent {
namespace {

constexpr std::size_t kOutputKept = 256U << 10U;

class RunningCommand : public std::enable_shared_from_this<RunningCommand> {
 public:
  RunningCommand(boost::asio::io_context& io, CommandRequest request, std::function<void(CommandEnd)> done)
      : request_(std::move(request)), done_(std::move(done)), output_(io), pidfd_(io) {}

  ~RunningCommand() {
    if (child_.pid != 0) reap(child_);
  }
  RunningCommand(const RunningCommand&) = delete;
  RunningCommand& operator=(const RunningCommand&) = delete;

  Status start() {
    auto pipe = make_output_pipe();
    if (!pipe) return pipe.error();
    SpawnRequest spawn_request;
    spawn_request.exec_program = request_.exec_program;
    spawn_request.working_directory = request_.working_directory;
    spawn_request.argv = request_.argv;
    spawn_request.environment = request_.environment;
    spawn_request.descriptors = {{pipe->theirs.get(), 1}, {pipe->theirs.get(), 2}};
    auto child = spawn(spawn_request);
    if (!child) return child.error();
    child_ = std::move(*child);
    output_.assign(pipe->ours.release());
    pidfd_.assign(::dup(child_.pidfd.get()));
    wait_for_output();
    wait_for_end();
    return {};
  }

 private:
  using Descriptor = boost::asio::posix::stream_descriptor;

  void wait_for_end() {
    pidfd_.async_wait(Descriptor::wait_read, [self = shared_from_this()](boost::system::error_code error) {
      if (error) return;
      if (has_ended(self->child_)) return self->ended();
      self->wait_for_end();
    });
  }

  void wait_for_output() {
    output_.async_wait(Descriptor::wait_read, [self = shared_from_this()](boost::system::error_code error) {
      if (!error && self->read_output()) self->wait_for_output();
    });
  }

  // False at the end of the stream.
  bool read_output() {
    char buffer[16384];
    for (;;) {
      const ssize_t n = ::read(output_.native_handle(), buffer, sizeof buffer);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return errno == EAGAIN;
      if (n == 0) return false;
      const std::string_view bytes(buffer, static_cast<std::size_t>(n));
      if (request_.on_output) request_.on_output(bytes);
      kept_.append(bytes);
      if (kept_.size() > 2 * kOutputKept) kept_.erase(0, kept_.size() - kOutputKept);
    }
  }

  void ended() {
    const siginfo_t info = reap(child_).info;
    child_.pid = 0;
    read_output();
    output_.close();
    pidfd_.close();
    const bool succeeded = info.si_code == CLD_EXITED && info.si_status == 0;
    if (kept_.size() > kOutputKept) kept_.erase(0, kept_.size() - kOutputKept);
    done_({succeeded, describe_exit(info).message, std::move(kept_)});
  }

  CommandRequest request_;
  std::function<void(CommandEnd)> done_;
  Child child_;
  Descriptor output_;
  Descriptor pidfd_;
  std::string kept_;
};

}  // namespace

void run_command(boost::asio::io_context& io, CommandRequest request, std::function<void(CommandEnd)> done) {
  auto running = std::make_shared<RunningCommand>(io, std::move(request), done);
  const Status started = running->start();
  if (!started) {
    boost::asio::post(
        io, [done = std::move(done), message = started.error().message] { done({false, message, ""}); });
  }
}

std::string variable(const std::vector<std::string>& environment, std::string_view name) {
  for (const std::string& entry : environment) {
    if (entry.size() > name.size() && entry[name.size()] == '=' && entry.compare(0, name.size(), name) == 0) {
      return entry.substr(name.size() + 1);
    }
  }
  return {};
}

std::string find_on_path(const std::string& program, const std::vector<std::string>& environment) {
  std::string path = variable(environment, "PATH");
  if (path.empty()) path = "/usr/local/bin:/usr/bin:/bin";
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find(':', begin), path.size());
    const std::string candidate = path.substr(begin, end - begin) + "/" + program;
    if (candidate.front() == '/' && ::access(candidate.c_str(), X_OK) == 0) return candidate;
    begin = end + 1;
  }
  return {};
}

}  // namespace parallelrun::agent
