#include "runner/cli/cluster_look.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string_view>

#include "common/posix/file_descriptor.h"
#include "common/posix/write_all.h"
#include "common/text/presentable.h"
#include "runner/cli/launcher.h"
#include "runner/cli/screen.h"
#include "runner/cluster/look.h"

namespace parallelrun {
namespace {

constexpr std::chrono::hours kLongestFollow{24};

}  // namespace

void ask_for_form(ClusterLook& look, Form form) {
  if (form == Form::kJson) look.arguments.emplace_back("--format=json");
  if (form == Form::kYaml) look.arguments.emplace_back("--format=yaml");
  if (form == Form::kCsv) look.arguments.emplace_back("--format=csv");
  if (form == Form::kName) look.arguments.emplace_back("--format=name");
  // A pod has no terminal, and so no table of it is cut: kWide is what it prints anyway.
}

int cluster_look(const ClusterLook& look) {
  cluster::Interrupt interrupt;
  // `... | head`: a reader that leaves must not leave the pod behind.
  std::signal(SIGPIPE, SIG_IGN);
  const auto connection = connect(look.job.cluster);
  if (!connection) return kExitInvalid;
  std::optional<FileDescriptor> file;
  if (!look.to.empty()) {
    file.emplace(open(look.to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (!*file) {
      const bool there = errno == EEXIST;
      complain(fmt::format(
          "--to '{}': {}", look.to,
          there ? "the file is there already; remove it, or give another name" : std::strerror(errno)));
      return there ? kExitInvalid : kExitFailed;
    }
  }
  const bool safe = !file && isatty(STDOUT_FILENO) == 1;
  int failure = 0;
  cluster::Jobs jobs(*connection, interrupt.token());
  cluster::Look what;
  what.job = look.job.job;
  what.verb = look.verb;
  what.arguments = look.arguments;
  if (look.follow) what.follow_for = kLongestFollow;
  what.take = [&](std::string_view bytes) {
    const int error = safe ? (print(presentable_lines(bytes)) ? 0 : errno)
                           : write_all(file ? file->get() : STDOUT_FILENO, bytes);
    if (error != 0) failure = error;
    return error == 0;
  };
  what.say = [](const std::string& words) { complain(words); };
  const auto end = cluster::look(jobs, interrupt, what);
  // Half a file is no copy.
  const bool whole = end && failure == 0 && end->exit_code == 0;
  if (file && !whole) unlink(look.to.c_str());
  if (failure == EPIPE) return kExitFailed;
  if (failure != 0) {
    complain(std::string("cannot write: ") + std::strerror(failure));
    return kExitFailed;
  }
  if (!end) return print_error(end.error());
  std::fputs(presentable_lines(end->errors).c_str(), stderr);
  return end->exit_code;
}

}  // namespace parallelrun
