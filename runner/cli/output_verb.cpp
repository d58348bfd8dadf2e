#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>

#include "common/json/members.h"
#include "common/posix/file_copy.h"
#include "common/posix/file_descriptor.h"
#include "common/text/counted.h"
#include "common/text/presentable.h"
#include "runner/cli/cluster_look.h"
#include "runner/cli/job_argument.h"
#include "runner/cli/launcher.h"
#include "runner/cli/shown.h"
#include "runner/cli/verbs.h"
#include "runner/report/text_files.h"

namespace parallelrun {
namespace {

constexpr const char* kStandardOutput = "-";  // as --to
constexpr std::size_t kLongestRow = std::size_t{1} << 20U;

struct GivenToOutput {
  JobArgument job;
  std::uint64_t rows = 10;
  std::string to;
};

int refuse(const std::string& message) {
  complain(message);
  return kExitFailed;
}

int copy_to_output(int source, const std::string& from) {
  std::string piece(kLongestRow, '\0');
  while (true) {
    const ssize_t n = read(source, piece.data(), piece.size());
    if (n == 0) return kExitComplete;
    if (n < 0) return refuse(fmt::format("cannot read '{}': {}", from, std::strerror(errno)));
    if (!print(piece.substr(0, static_cast<std::size_t>(n)))) return kExitFailed;
  }
}

int copy(const std::string& from, const std::string& to) {
  const FileDescriptor source(open(from.c_str(), O_RDONLY | O_CLOEXEC));
  if (!source) return refuse(fmt::format("cannot read '{}': {}", from, std::strerror(errno)));
  if (to == kStandardOutput) return copy_to_output(source.get(), from);
  const FileDescriptor target(open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!target && errno == EEXIST) {
    refuse(fmt::format("--to '{}': the file is there already; remove it, or give another name", to));
    return kExitInvalid;
  }
  if (!target) return refuse(fmt::format("cannot write '{}': {}", to, std::strerror(errno)));
  if (const int number = copy_bytes(source.get(), target.get(), kWholeFile); number != 0) {
    unlink(to.c_str());
    return refuse(fmt::format("cannot copy '{}' to '{}': {}", from, to, std::strerror(number)));
  }
  return kExitComplete;
}

int print_rows(const std::string& path, const std::string& format, std::uint64_t rows) {
  const bool safe = isatty(STDOUT_FILENO) == 1;
  // The header of CSV is no row. (A row whose text has line breaks counts as several here.)
  std::uint64_t left = rows + (format == "csv" ? 1 : 0);
  bool gone = false;
  const Status read = report::for_each_line(path, kLongestRow, [&](std::string_view line) {
    if (left-- == 0) return false;
    gone = !print((safe ? presentable_lines(line) : std::string(line)) + "\n");
    return !gone;
  });
  if (!read) return refuse(read.error().message);
  return gone ? kExitFailed : kExitComplete;
}

int look(const GivenToOutput& given) {
  ClusterLook look{given.job, "output", {}, false, given.to == kStandardOutput ? "" : given.to};
  look.arguments.push_back(given.to.empty() ? "--rows=" + std::to_string(given.rows)
                                            : std::string("--to=") + kStandardOutput);
  return cluster_look(look);
}

int run(const GivenToOutput& given) {
  if (given.job.in_cluster()) return look(given);
  const auto job = read_job(given.job.job);
  if (!job) return kExitInvalid;
  if (job->output_file.empty()) {
    return refuse(fmt::format(
        "the job '{}' has outputAction: summary_only, so its script stored the results itself", job->name));
  }
  const std::string path = job->directory + "/" + job->output_file;
  std::error_code error;
  const bool there = std::filesystem::exists(path, error) || error;
  const std::uint64_t succeeded = count_at(job->progress, "itemsSucceeded");
  if (!there && job->state == report::RunState::kComplete && succeeded > 0) {
    return refuse(
        fmt::format("'{}' is not there any more: somebody has removed it. The job was complete with {}; "
                    "to make it anew, run it with --overwrite",
                    path, counted(succeeded, "item")));
  }
  if (!there && job->state != report::RunState::kComplete) {
    return refuse(fmt::format(
        "there is no '{}' yet; with output.order: input, and as Parquet, it is made at the end of the job",
        path));
  }
  if (job->state == report::RunState::kRunning)
    std::fprintf(stderr, "the job is running: more rows will come\n");
  if (!given.to.empty()) return copy(path, given.to);
  if (job->format == "parquet")
    return refuse(
        fmt::format("'{}' is a Parquet file, which is not text: read it with pandas.read_parquet, or copy it "
                    "with --to FILE",
                    path));
  return print_rows(path, job->format, given.rows);
}

}  // namespace

Verb add_output(CLI::App& program) {
  const auto given = std::make_shared<GivenToOutput>();
  CLI::App* verb = program.add_subcommand("output", "the first rows of a job's output, or a copy of it");
  add_job_argument(*verb, given->job);
  CLI::Option* rows =
      verb->add_option("-r,--rows", given->rows, "how many; default 10")->check(CLI::NonNegativeNumber);
  verb->add_option("--to", given->to, "FILE: copy the whole output there; -: to standard output")
      ->excludes(rows);
  verb->footer("Example: parallelrun output results/digits --rows 3");
  return {verb, [given] { return run(*given); }};
}

}  // namespace parallelrun
