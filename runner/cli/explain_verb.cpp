#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <memory>
#include <string>

#include "common/text/counted.h"
#include "common/text/presentable.h"
#include "runner/cli/cluster_look.h"
#include "runner/cli/job_argument.h"
#include "runner/cli/launcher.h"
#include "runner/cli/shown.h"
#include "runner/cli/terminal.h"
#include "runner/cli/verbs.h"
#include "runner/report/speed_report.h"

namespace parallelrun {
namespace {

struct GivenToExplain {
  JobArgument job;
  Form form = Form::kTable;
};

std::string clock_of(double duration) { return as_clock(std::chrono::seconds(std::lround(duration))); }

std::string text_of(const report::SpeedReport& speed, const std::vector<report::Finding>& findings) {
  std::uint64_t tries = 0;
  for (const report::ProcessTimes& one : speed.processes) tries += one.mini_batches;
  std::string out =
      fmt::format("{}, {} in {}\n", counted(speed.processes.size(), "process"),
                  counted(tries, "try") + " of mini-batches", clock_of(speed.start + speed.span));
  if (speed.start > 0) out += fmt::format("  start                 {:>6}\n", clock_of(speed.start));
  out += fmt::format("  run()                 {:>5.0f} %\n", speed.run * 100);
  out += fmt::format("  reading and writing   {:>5.0f} %\n", speed.overhead * 100);
  out += fmt::format("  idle                  {:>5.0f} %\n", speed.idle * 100);
  out += fmt::format("  a mini-batch in run() {:.3g} s (half of them at most), longest {:.3g} s\n",
                     speed.median_run, speed.longest_run);
  out += fmt::format("  processors when busy  {:.2f}\n", speed.cpu);
  if (speed.memory_kb > 0)
    out += fmt::format("  largest process       {}\n", short_size(speed.memory_kb * 1024));
  if (findings.empty()) out += "Nothing stands out. More processes or nodes make it faster.\n";
  for (const report::Finding& finding : findings)
    out += fmt::format("- {}: {}\n  try: {}\n", finding.what, finding.figures, finding.setting);
  return presentable_lines(out);
}

int look(const GivenToExplain& given) {
  ClusterLook look{given.job, "explain", {}, false, ""};
  ask_for_form(look, given.form);
  return cluster_look(look);
}

int run(const GivenToExplain& given) {
  if (given.job.in_cluster()) return look(given);
  const auto job = read_job(given.job.job);
  if (!job) return kExitInvalid;
  const auto speed = report::read_speed(job->directory);
  if (!speed) {
    complain(speed.error().message);
    return kExitFailed;
  }
  const auto findings = report::findings_of(*speed);
  const std::string text = given.form == Form::kTable ? text_of(*speed, findings)
                                                      : document_text(to_json(*speed, findings), given.form);
  return print(text) ? kExitComplete : kExitFailed;
}

}  // namespace

Verb add_explain(CLI::App& program) {
  const auto given = std::make_shared<GivenToExplain>();
  CLI::App* verb = program.add_subcommand(
      "explain", "where the time of a job goes, and a setting to try for what stands out");
  add_job_argument(*verb, given->job);
  add_form_option(*verb, given->form, {{"text", Form::kTable}, {"json", Form::kJson}, {"yaml", Form::kYaml}});
  verb->footer("Example: parallelrun explain results/digits");
  return {verb, [given] { return run(*given); }};
}

}  // namespace parallelrun
