#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "common/json/members.h"
#include "common/text/presentable.h"
#include "runner/cli/cluster_status.h"
#include "runner/cli/job_argument.h"
#include "runner/cli/launcher.h"
#include "runner/cli/shown.h"
#include "runner/cli/terminal.h"
#include "runner/cli/verbs.h"
#include "runner/events/taken_over_words.h"

namespace parallelrun {
namespace {

using report::JobReport;
using report::RunState;
using std::chrono::seconds;

constexpr std::chrono::milliseconds kStatusPause{500};
// `run` in the background makes its output directory only when it has read the manifest and the code.
constexpr seconds kPatienceForStart{10};
constexpr std::chrono::milliseconds kStartPause{100};

struct GivenToStatus {
  JobArgument job;
  bool watch = false;
  Form form = Form::kTable;
};

seconds elapsed(const JobReport& job) {
  const auto found = job.progress.find("elapsedSeconds");
  return seconds(found != job.progress.end() && found->is_number()
                     ? static_cast<std::int64_t>(found->get<double>())
                     : 0);
}

// The command that says more, as the user would type it.
std::string command(const char* verb, const JobReport& job) {
  return fmt::format("parallelrun {} {}", verb, presentable(job.directory));
}

std::string text_of(const JobReport& job) {
  const JobProgress progress = job_progress_from_json(job.progress);
  std::string out = in_words(job) + "\n";
  if (progress.planned > 0) {
    out += "  " + render_line(progress, std::nullopt) + "\n";
  } else if (at_work(job.state)) {
    out += "  no mini-batch is known yet\n";
  }
  if (const std::string started = text_at(job.progress, "started"); !started.empty())
    out += fmt::format("  started {}, {} {}\n", started, at_work(job.state) ? "runs for" : "took",
                       as_clock(elapsed(job)));
  if (const auto left = number_at(job.progress, "timeLeftSeconds"); left && at_work(job.state))
    out += fmt::format(
        "  about {} left; {} ready\n", as_clock(seconds(*left)),
        progress.processes_ready == 1 ? "1 process" : fmt::format("{} processes", progress.processes_ready));
  if (const auto taken = job.progress.find("takenOver"); taken != job.progress.end())
    out += "  taken over: " + taken_over_in_words(*taken) + "\n";
  const auto warnings = job.progress.find("warnings");
  if (warnings != job.progress.end() && warnings->is_array()) {
    for (const nlohmann::json& warning : *warnings)
      if (warning.is_string()) out += "  warning: " + warning.get<std::string>() + "\n";
  }
  if (const std::string error = text_at(job.progress, "firstError"); !error.empty())
    out += "  first error: " + error + "\n";
  if (!job.output_file.empty()) out += "  output: " + job.directory + "/" + job.output_file + "\n";
  if (progress.items_failed > 0)
    out += "  failed items: " + command("failed", job) + "; their errors: " + command("errors", job) + "\n";
  else if (job.state == RunState::kFailed)
    out += "  errors: " + command("errors", job) + "; logs: " + command("logs", job) + "\n";
  return marked(presentable_lines(out), screen_of(STDOUT_FILENO).colours);
}

std::string shown(const JobReport& job, Form form) {
  if (form == Form::kName) return presentable(job.name) + "\n";
  return form == Form::kTable || form == Form::kWide ? text_of(job) : document_text(to_json(job), form);
}

// Draws the bar of `run` until the job is not at work any more. False: it cannot be read any more.
bool watch(JobReport& job, Form form) {
  const DisplayMode mode = form == Form::kJson ? DisplayMode::kJson : display_mode_for(STDOUT_FILENO);
  Display display({mode, STDOUT_FILENO, job.name, true, seconds(10)},
                  std::chrono::steady_clock::now() - elapsed(job));
  while (at_work(job.state)) {
    nlohmann::json event = to_json(job);
    event["event"] = "progress";
    display.show(event, std::chrono::steady_clock::now());
    if (display.write_error() != 0) return false;
    std::this_thread::sleep_for(kStatusPause);
    auto now = read_job(job.directory);
    if (!now) return false;
    job = std::move(*now);
  }
  return true;
}

// Waits for a job that is about to begin. Nothing: there is none after all, and that has been printed.
std::optional<JobReport> read_job_soon(const std::string& job) {
  const auto is_missing = [&job] {
    const auto report = report::report_of(job);
    return !report && report.error().code == ErrorCode::kNotFound;
  };
  if (!is_missing()) return read_job(job);
  std::fprintf(stderr, "parallelrun: no job has begun in '%s' yet; waiting up to %d seconds for it\n",
               presentable(job).c_str(), static_cast<int>(kPatienceForStart.count()));
  const auto end = std::chrono::steady_clock::now() + kPatienceForStart;
  while (is_missing()) {
    if (std::chrono::steady_clock::now() >= end) {
      std::fprintf(stderr, "parallelrun: gave up after %d seconds: did `run` end with an error?\n",
                   static_cast<int>(kPatienceForStart.count()));
      break;
    }
    std::this_thread::sleep_for(kStartPause);
  }
  return read_job(job);
}

int run(const GivenToStatus& given) {
  if (given.job.in_cluster())
    return cluster_status({given.job.job, given.job.cluster, given.watch, given.form});
  std::optional<JobReport> job = given.watch ? read_job_soon(given.job.job) : read_job(given.job.job);
  if (!job) return kExitInvalid;
  if (given.watch && !watch(*job, given.form)) return kExitFailed;
  if (!print(shown(*job, given.form))) return kExitFailed;
  if (!given.watch) return kExitComplete;
  return job->state == RunState::kComplete ? kExitComplete : kExitFailed;
}

}  // namespace

Verb add_status(CLI::App& program) {
  const auto given = std::make_shared<GivenToStatus>();
  CLI::App* verb = program.add_subcommand("status", "how far a job is, or how it ended");
  add_job_argument(*verb, given->job);
  verb->add_flag(
      "-w,--watch", given->watch,
      "show it until the job ends; the exit code is then 0 for a complete job, else 1. For a job that "
      "has not begun it waits ten seconds");
  add_form_option(*verb, given->form,
                  {{"text", Form::kTable},
                   {"wide", Form::kWide},
                   {"json", Form::kJson},
                   {"yaml", Form::kYaml},
                   {"name", Form::kName}});
  verb->footer("Example: parallelrun status -w results/digits; of a cluster: parallelrun status -w digits");
  return {verb, [given] { return run(*given); }};
}

}  // namespace parallelrun
