// In the pod that a user elsewhere looks at a job's output with: runs another verb, and makes its output fit
// to travel as the container's log (runner/cluster/look_end.h).
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "common/hash/sha256.h"
#include "common/openssl/base64.h"
#include "common/posix/file_descriptor.h"
#include "common/posix/process_start.h"
#include "runner/cli/launcher.h"
#include "runner/cli/shown.h"
#include "runner/cli/this_process.h"
#include "runner/cli/verbs.h"
#include "runner/cluster/look_end.h"

namespace parallelrun {
namespace {

constexpr std::size_t kPiece =
    6 * 1024;  // bytes; a multiple of three, and in base64 less than a line of 16 KiB
constexpr std::size_t kMostErrors = 3 * 1024;

struct GivenToLook {
  std::vector<std::string> words;
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
  piece.resize(kPiece);
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

int run(const GivenToLook& given) {
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
    std::fprintf(stderr, "parallelrun: %s\n", child.error().message.c_str());
    return kExitFailed;
  }
  out.write = FileDescriptor();
  err.write = FileDescriptor();
  cluster::LookEnd end;
  const bool passed = pass_on(out, err, end);
  int status = 0;
  out.read = FileDescriptor();  // whoever writes on has no reader any more
  while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!passed) return kExitFailed;
  end.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return write_message(given.message, termination_text(end)) ? kExitComplete : kExitFailed;
}

}  // namespace

Verb add_look(CLI::App& program) {
  const auto given = std::make_shared<GivenToLook>();
  CLI::App* verb = program.add_subcommand("look", "run a verb, and write its output as lines of base64");
  verb->add_option("WORDS", given->words, "the verb with its arguments, behind --")->required();
  verb->add_option("--message", given->message, "FILE for exit code, digest and errors");
  return {verb, [given] { return run(*given); }};
}

}  // namespace parallelrun
