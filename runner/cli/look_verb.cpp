// In the pod that a user elsewhere looks at a job's output with: runs another verb, and makes its output fit
// to travel as the container's log (runner/cluster/look_end.h). What the verb reads of an output in a store
// is fetched first, and for a verb that follows a log also what is added to it.
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "common/hash/sha256.h"
#include "common/openssl/base64.h"
#include "common/posix/file_descriptor.h"
#include "common/posix/process_start.h"
#include "common/text/presentable.h"
#include "runner/cli/fetched_output.h"
#include "runner/cli/launcher.h"
#include "runner/cli/shown.h"
#include "runner/cli/this_process.h"
#include "runner/cli/verbs.h"
#include "runner/cluster/look_end.h"
#include "runner/store/data_connection.h"

namespace parallelrun {
namespace {

constexpr std::size_t kPieceOfLine =
    6 * 1024;  // bytes; a multiple of three, and in base64 less than a line of 16 KiB
constexpr std::size_t kMostErrors = 3 * 1024;
constexpr std::chrono::seconds kGoOnEvery{2};  // the store is asked for what was added

struct GivenToLook {
  std::vector<std::string> words;
  std::string stored;  // how people call the store with the output; empty: it is a directory
  std::string message = "/dev/termination-log";
};

struct Pipe {
  FileDescriptor read;
  FileDescriptor write;
};

bool open_pipe(Pipe& pipe) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return false;
  pipe = {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
  return true;
}

// False: it has ended.
bool read_some(FileDescriptor& from, std::string& piece) {
  piece.resize(kPieceOfLine);
  ssize_t n = 0;
  do n = read(from.get(), piece.data(), piece.size());
  while (n < 0 && errno == EINTR);
  piece.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return n > 0;
}

// Until the child has closed both. False: standard output cannot be written.
bool pass_on(Pipe& out, Pipe& err, cluster::LookEnd& end) {
  Sha256 hash;
  std::string piece;
  bool out_open = true;
  bool err_open = true;
  while (out_open || err_open) {
    std::array<pollfd, 2> waits = {pollfd{out_open ? out.read.get() : -1, POLLIN, 0},
                                   pollfd{err_open ? err.read.get() : -1, POLLIN, 0}};
    if (poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) return false;
    if (waits[0].revents != 0) {
      out_open = read_some(out.read, piece);
      hash.update(piece);
      end.bytes += piece.size();
      if (out_open && !print(base64(piece) + "\n")) return false;
    }
    if (waits[1].revents != 0) {
      err_open = read_some(err.read, piece);
      end.errors += piece;
      if (end.errors.size() > kMostErrors) end.errors.erase(0, end.errors.size() - kMostErrors);
    }
  }
  end.sha256 = hash.hex_digest();
  return true;
}

bool write_message(const std::string& path, const std::string& text) {
  const FileDescriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  return file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

// Brings what is added to the files that are followed, on a thread. The destructor ends that.
class Following {
 public:
  explicit Following(FetchedOutput& output)
      : thread_([&output, this](const std::stop_token& stop) {
          std::unique_lock lock(mutex_);
          while (!ends_.wait_for(lock, stop, kGoOnEvery, [] { return false; }) && !stop.stop_requested())
            output.go_on();
        }) {}

 private:
  std::mutex mutex_;
  std::condition_variable_any ends_;
  std::jthread thread_;  // the last: it uses the others
};

// Nothing: what the verb reads is there. An exit code: not, and the message says why.
std::optional<int> fetch(const GivenToLook& given, std::optional<FetchedOutput>& output) {
  if (given.stored.empty()) return std::nullopt;
  if (given.words.size() < 2) return refuse("look --stored: the verb has no directory", kExitInvalid);
  output.emplace(data_socket(), given.words[1], given.stored);
  const Status fetched = output->fetch(given.words);
  if (fetched) return std::nullopt;
  cluster::LookEnd end;
  end.exit_code = fetched.error().code == ErrorCode::kInvalidArgument ? kExitInvalid : kExitFailed;
  end.sha256 = Sha256().hex_digest();
  end.errors = "parallelrun: " + presentable(fetched.error().message) + "\n";
  return write_message(given.message, termination_text(end)) ? kExitComplete : kExitFailed;
}

int run(const GivenToLook& given) {
  std::optional<FetchedOutput> output;
  if (const auto ended = fetch(given, output)) return *ended;
  Pipe out;
  Pipe err;
  if (!open_pipe(out) || !open_pipe(err)) {
    std::fprintf(stderr, "parallelrun: no pipe: %s\n", std::strerror(errno));
    return kExitFailed;
  }
  ProcessStart start;
  start.duplicate(out.write.get(), STDOUT_FILENO);
  start.duplicate(err.write.get(), STDERR_FILENO);
  std::vector<std::string> command = {this_program()};
  command.insert(command.end(), given.words.begin(), given.words.end());
  const auto child = start.start(command, nullptr);
  if (!child) {
    complain(child.error().message);
    return kExitFailed;
  }
  out.write = FileDescriptor();
  err.write = FileDescriptor();
  cluster::LookEnd end;
  std::optional<Following> following;
  if (output && output->follows()) following.emplace(*output);
  const bool passed = pass_on(out, err, end);
  following.reset();
  int status = 0;
  out.read = FileDescriptor();  // whoever writes on has no reader any more
  while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!passed) return kExitFailed;
  if (output && end.errors.size() < kMostErrors / 2) {
    std::string notes;
    for (const std::string& note : output->notes()) notes += "parallelrun: " + note + "\n";
    end.errors.insert(0, notes);
  }
  end.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return write_message(given.message, termination_text(end)) ? kExitComplete : kExitFailed;
}

}  // namespace

Verb add_look(CLI::App& program) {
  const auto given = std::make_shared<GivenToLook>();
  CLI::App* verb = program.add_subcommand("look", "run a verb, and write its output as lines of base64");
  verb->add_option("WORDS", given->words, "the verb with its arguments, behind --")->required();
  verb->add_option("--stored", given->stored,
                   "STORE with the output, for people: what the verb reads is fetched into its directory");
  verb->add_option("--message", given->message, "FILE for exit code, digest and errors");
  return {verb, [given] { return run(*given); }};
}

}  // namespace parallelrun
