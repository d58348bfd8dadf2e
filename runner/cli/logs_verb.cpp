#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/posix/file_descriptor.h"
#include "common/spec/nearest_name.h"
#include "common/text/presentable.h"
#include "runner/cli/cluster_look.h"
#include "runner/cli/job_argument.h"
#include "runner/cli/launcher.h"
#include "runner/cli/shown.h"
#include "runner/cli/verbs.h"
#include "runner/report/log_files.h"

namespace parallelrun {
namespace {

using report::LogFile;

constexpr std::chrono::milliseconds kLogsPause{250};
constexpr std::size_t kLogPiece = std::size_t{64} << 10U;

struct GivenToLogs {
  JobArgument job;
  std::vector<std::string> wanted;
  bool follow = false;
  std::int64_t tail = -1;  // lines; -1: all
  Form form = Form::kTable;
};

// Where the last `lines` lines of the file begin.
off_t start_of_tail(int fd, std::int64_t lines) {
  struct stat status{};
  if (fstat(fd, &status) != 0) return 0;
  off_t at = status.st_size;
  std::int64_t seen = -1;  // the line break at the end of the last line begins none
  std::string piece(kLogPiece, '\0');
  while (at > 0) {
    const auto length = static_cast<std::size_t>(std::min<off_t>(at, static_cast<off_t>(kLogPiece)));
    const ssize_t n = pread(fd, piece.data(), length, at - static_cast<off_t>(length));
    if (n != static_cast<ssize_t>(length)) return 0;
    for (std::size_t i = length; i > 0; --i) {
      const bool at_end = at - static_cast<off_t>(length) + static_cast<off_t>(i) == status.st_size;
      if (piece[i - 1] != '\n') {
        if (at_end) seen = 0;
        continue;
      }
      if (++seen == lines) return at - static_cast<off_t>(length) + static_cast<off_t>(i);
    }
    at -= static_cast<off_t>(length);
  }
  return 0;
}

// Prints files, each from where it was left the last time.
class Printer {
 public:
  explicit Printer(std::string logs, bool many)
      : logs_(std::move(logs)), many_(many), safe_(isatty(STDOUT_FILENO) == 1) {}

  // False: nobody reads any more. `tail`: for a file that is new here.
  bool print_new(const LogFile& file, std::int64_t tail) {
    const std::string path = logs_ + file.name;
    const FileDescriptor opened(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!opened) {
      complain(fmt::format("cannot read '{}': {}", path, std::strerror(errno)));
      return true;
    }
    struct stat status{};
    fstat(opened.get(), &status);
    auto [place, is_new] = places_.try_emplace(file.name);
    if (is_new && tail >= 0) place->second.offset = start_of_tail(opened.get(), tail);
    // A rotation or a rewrite has put another file in its place.
    if (!is_new && (place->second.inode != status.st_ino || status.st_size < place->second.offset))
      place->second.offset = 0;
    place->second.inode = status.st_ino;
    std::string piece(kLogPiece, '\0');
    while (true) {
      const ssize_t n = pread(opened.get(), piece.data(), piece.size(), place->second.offset);
      if (n <= 0) return true;
      place->second.offset += n;
      if (!head(file.name) || !write({piece.data(), static_cast<std::size_t>(n)})) return false;
    }
  }

 private:
  struct Place {
    ino_t inode = 0;
    off_t offset = 0;
  };

  bool head(const std::string& name) {
    if (!many_ || std::exchange(shown_, name) == name) return true;
    const bool first = std::exchange(began_, true);
    return print(fmt::format("{}==> {} <==\n", first ? "\n" : "", presentable(name)));
  }
  // As it is for a program; on a terminal nothing of it steers that.
  bool write(std::string_view text) const {
    return print(safe_ ? presentable_lines(text) : std::string(text));
  }

  std::string logs_;
  bool many_;
  bool safe_;
  bool began_ = false;
  std::string shown_;
  std::map<std::string, Place> places_;
};

int list(const std::vector<LogFile>& files, Form form) {
  std::string names;
  nlohmann::ordered_json document = nlohmann::ordered_json::array();
  for (const LogFile& file : files) {
    names += presentable(file.name) + "\n";
    document.push_back({{"name", file.name}, {"bytes", file.bytes}});
  }
  if (form == Form::kName) return print(names) ? kExitComplete : kExitFailed;
  if (form != Form::kTable) return print(document_text(document, form)) ? kExitComplete : kExitFailed;
  std::vector<std::vector<std::string>> rows;
  for (const LogFile& file : files) rows.push_back({short_size(file.bytes), file.name});
  return print(table({"SIZE", "NAME"}, rows, {})) ? kExitComplete : kExitFailed;
}

// The files that one of the words names, each once. False: a word names none, and that has been printed.
bool select(const std::vector<LogFile>& files, const std::vector<std::string>& wanted,
            std::vector<LogFile>& out) {
  for (const std::string& word : wanted) {
    const auto chosen = report::selected(files, word);
    if (chosen.empty()) {
      std::vector<std::string> names;
      for (const LogFile& file : files) names.push_back(file.name);
      complain(fmt::format("there is no log '{}'{}; `parallelrun logs JOB` lists all", word,
                           did_you_mean(word, names)));
      return false;
    }
    for (const LogFile& file : chosen) {
      const bool known =
          std::any_of(out.begin(), out.end(), [&](const LogFile& other) { return other.name == file.name; });
      if (!known) out.push_back(file);
    }
  }
  return true;
}

bool at_work(const std::string& directory) {
  const auto job = report::report_of(directory);
  return job && report::at_work(job->state);
}

int look(const GivenToLogs& given) {
  ClusterLook look{given.job, "logs", {}, given.follow, ""};
  if (given.follow) look.arguments.emplace_back("--follow");
  if (given.tail >= 0) look.arguments.push_back("--tail=" + std::to_string(given.tail));
  ask_for_form(look, given.form);
  look.arguments.emplace_back("--");
  look.arguments.insert(look.arguments.end(), given.wanted.begin(), given.wanted.end());
  return cluster_look(look);
}

int run(const GivenToLogs& given) {
  if (given.form != Form::kTable && (given.follow || !given.wanted.empty())) {
    return refuse(
        "--format is for the list of logs, which `parallelrun logs JOB` prints; a log is printed as it is",
        kExitInvalid);
  }
  if (given.job.in_cluster()) return look(given);
  const auto job = read_job(given.job.job);
  if (!job) return kExitInvalid;
  const auto files = report::log_files(job->directory);
  if (!files) return refuse(files.error().message, kExitFailed);
  if (given.wanted.empty() && !given.follow) return list(*files, given.form);
  std::vector<std::string> wanted = given.wanted;
  if (wanted.empty()) wanted = {"sys/master_role.txt"};
  std::vector<LogFile> chosen;
  if (!select(*files, wanted, chosen)) return kExitInvalid;

  Printer printer(job->directory + "/logs/", chosen.size() > 1);
  for (const LogFile& file : chosen)
    if (!printer.print_new(file, given.tail)) return kExitFailed;
  bool last_look = !given.follow;
  while (!last_look) {
    // What the job wrote before its end is there to be read after it.
    last_look = !at_work(job->directory);
    if (!last_look) std::this_thread::sleep_for(kLogsPause);
    for (const LogFile& file : chosen)
      if (!printer.print_new(file, -1)) return kExitFailed;
  }
  return kExitComplete;
}

}  // namespace

Verb add_logs(CLI::App& program) {
  const auto given = std::make_shared<GivenToLogs>();
  CLI::App* verb = program.add_subcommand("logs", "the log files of a job; without LOG: their names");
  add_job_argument(*verb, given->job);
  verb->add_option(
      "LOG", given->wanted,
      "a file (user/error.txt), a folder (user/stdout), a process (process000) or a node (127.0.0.1)");
  verb->add_flag("-f,--follow", given->follow,
                 "go on with what is written until the job ends; without LOG: of sys/master_role.txt");
  verb->add_option("--tail", given->tail, "only so many of the last lines at first")
      ->check(CLI::NonNegativeNumber);
  add_form_option(
      *verb, given->form,
      {{"table", Form::kTable}, {"json", Form::kJson}, {"yaml", Form::kYaml}, {"name", Form::kName}});
  verb->footer("Example: parallelrun logs results/digits process000 --tail 20 -f");
  return {verb, [given] { return run(*given); }};
}

}  // namespace parallelrun
