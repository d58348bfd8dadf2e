// In a cluster cancelling deletes the resource. What is committed, the logs and the state stay on the output
// volume, so that the same job, submitted again, goes on there (docs/decisions/0022-cluster-verbs.md).
//
// On one machine it is the interrupt that Ctrl-C would be, to the run that holds the lock of the directory.
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <system_error>

#include "common/result/try.h"
#include "common/text/presentable.h"
#include "runner/cli/cluster_argument.h"
#include "runner/cli/cluster_status.h"
#include "runner/cli/job_argument.h"
#include "runner/cli/launcher.h"
#include "runner/cli/screen.h"
#include "runner/cli/shown.h"
#include "runner/cli/verbs.h"
#include "runner/cluster/jobs.h"
#include "runner/web/output_folder.h"
#include "runner/web/run_process.h"

namespace parallelrun {
namespace {

// A run commits what is finished, and kills what does not end, in less than that.
constexpr std::chrono::seconds kPatienceForEnd{60};

struct GivenToCancel {
  JobArgument job;
  bool yes = false;
  Form form = Form::kTable;
};

// Asked only where a person can answer: a script means what it says.
bool confirmed(const GivenToCancel& given, const std::string& job, const char* question) {
  if (given.yes || isatty(STDIN_FILENO) != 1 || isatty(STDERR_FILENO) != 1) return true;
  std::fprintf(stderr, "%s\n%s [y/N] ", presentable(job).c_str(), question);
  std::string answer;
  std::getline(std::cin, answer);
  if (answer == "y" || answer == "Y" || answer == "yes") return true;
  std::fprintf(stderr, "nothing was done\n");
  return false;
}

Result<web::RunProcess> run_in(const std::string& directory) {
  // The user has named it: the way there may have links.
  std::error_code error;
  const std::string place = std::filesystem::canonical(directory, error).string();
  ASSIGN_OR_RETURN(const web::OutputFolder folder, web::OutputFolder::open(error ? directory : place, ""));
  return web::find_run(folder);
}

// False: it has not ended in time.
bool wait_for_end(const web::RunProcess& run) {
  pollfd ended{run.pidfd.get(), POLLIN, 0};
  const auto end = std::chrono::steady_clock::now() + kPatienceForEnd;
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    if (poll(&ended, 1, static_cast<int>(left.count())) > 0) return true;
  }
}

int cancel_here(const GivenToCancel& given) {
  const auto job = read_job(given.job.job, "end its run with Ctrl-C where it works");
  if (!job) return kExitInvalid;
  if (!report::at_work(job->state)) {
    return refuse(fmt::format("the job '{}' is not at work ({}), so there is nothing to cancel", job->name,
                              report::to_string(job->state)),
                  kExitFailed);
  }
  const auto run = run_in(job->directory);
  if (!run) return refuse(fmt::format("'{}': {}", job->directory, run.error().message), kExitFailed);
  if (!confirmed(given, in_words(*job),
                 "End its run? What is committed stays, and the same command goes on there."))
    return kExitFailed;
  if (const Status told = web::interrupt(*run); !told) return refuse(told.error().message, kExitFailed);
  if (!wait_for_end(*run)) {
    return refuse(
        fmt::format("process {} got the interrupt and has not ended after {} seconds; to stop it at "
                    "once, give the same command again",
                    run->pid, kPatienceForEnd.count()),
        kExitFailed);
  }
  const auto after = read_job(job->directory);
  if (!after) return kExitFailed;
  const std::string words = marked(presentable(in_words(*after)) + "\n", screen_of(STDOUT_FILENO).colours);
  return print_job(after->name, to_json(*after), given.form, words) ? kExitComplete : kExitFailed;
}

int cancel(const GivenToCancel& given, cluster::Jobs& jobs, const cluster::JobView& job) {
  if (!confirmed(given, in_words(job), "Cancel it? Its pods and the job are deleted; its output stays."))
    return kExitFailed;
  // The one that was shown, not another one that got its name meanwhile.
  if (const Status removed = jobs.remove(given.job.job, job.uid); !removed)
    return print_error(removed.error());
  const std::string words = presentable(fmt::format(
      "{} is cancelled and deleted.{} The same job, submitted again, goes on from what was committed",
      job.name, job.output.empty() ? "" : " Its output and logs stay: " + job.output + "."));
  return print_job(job.name, to_json(job), given.form, words + "\n") ? kExitComplete : kExitFailed;
}

int run(const GivenToCancel& given) {
  if (!given.job.in_cluster()) return cancel_here(given);
  return with_job(
      given.job.cluster, given.job.job,
      [&given](cluster::Jobs& jobs, const cluster::JobView& job) { return cancel(given, jobs, job); });
}

}  // namespace

Verb add_cancel(CLI::App& program) {
  const auto given = std::make_shared<GivenToCancel>();
  CLI::App* verb = program.add_subcommand(
      "cancel", "end a job; what is committed and its logs stay. In a cluster it is deleted");
  add_job_argument(*verb, given->job);
  verb->add_flag("-y,--yes", given->yes, "do not ask; without a terminal it never asks");
  add_form_option_of_job(*verb, given->form);
  verb->footer(
      "Example: parallelrun cancel results/digits; of a cluster: parallelrun cancel digits -n team --yes");
  return {verb, [given] { return run(*given); }};
}

}  // namespace parallelrun
