#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "common/json/members.h"
#include "common/text/presentable.h"
#include "runner/cli/cluster_look.h"
#include "runner/cli/job_argument.h"
#include "runner/cli/launcher.h"
#include "runner/cli/shown.h"
#include "runner/cli/verbs.h"
#include "runner/report/error_report.h"

namespace parallelrun {
namespace {

struct GivenToErrors {
  JobArgument job;
  bool brief = false;
  Form form = Form::kTable;
};

std::string indented(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    out += "    " + std::string(text.substr(0, end)) + "\n";
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::string text_of(const report::ErrorReport& report, bool brief) {
  std::string out;
  for (const report::ErrorGroup& group : report.groups) {
    if (!out.empty()) out += "\n";
    out += fmt::format("{}{} x in {}: {}{}{}\n", group.earlier ? "before the last start: " : "", group.count,
                       group.phase.empty() ? "the process" : group.phase, group.type,
                       group.type.empty() || group.message.empty() ? "" : ": ", group.message);
    out += fmt::format("  first {} {}{}{}", group.first, group.where, group.what.empty() ? "" : ", ",
                       group.what);
    out += group.count > 1 ? "; last " + group.last + "\n" : "\n";
    if (!group.file.empty()) out += "  logs/" + group.file + "\n";
    if (!brief) out += indented(group.traceback);
  }
  if (report.others > 0)
    out += fmt::format("\n{} x other kinds of errors, which are not listed\n", report.others);
  return presentable_lines(out);
}

int look(const GivenToErrors& given) {
  ClusterLook look{given.job, "errors", {}, false, ""};
  if (given.brief) look.arguments.emplace_back("--brief");
  ask_for_form(look, given.form);
  return cluster_look(look);
}

// A job that has ended says in its result that there were errors. Those of a reused result are where it was
// made.
bool had_errors(const report::JobReport& job) {
  if (!report::has_ended(job.state) || job.reason == "Reused") return false;
  const auto first = job.progress.find("firstErrors");
  return count_at(job.progress, "triesFailed") > 0 ||
         (first != job.progress.end() && first->is_array() && !first->empty());
}

int run(const GivenToErrors& given) {
  if (given.job.in_cluster()) return look(given);
  const auto job = read_job(given.job.job);
  if (!job) return kExitInvalid;
  const auto report = report::errors_of(job->directory);
  if (!report) {
    complain(report.error().message);
    return kExitFailed;
  }
  if (!report->told && had_errors(*job)) {
    complain(
        fmt::format("the script of the job had errors, but '{}/logs/user/errors.json' is not there any more: "
                    "somebody has removed it, and what it said is lost. {}",
                    job->directory, in_words(*job)));
    return kExitFailed;
  }
  if (given.form != Form::kTable)
    return print(document_text(to_json(*report), given.form)) ? kExitComplete : kExitFailed;
  if (report->groups.empty() && report->others == 0) {
    // A job may fail without the script's doing: no agent, an input that cannot be listed.
    std::fprintf(stderr, "no errors of the script. %s\n", presentable(in_words(*job)).c_str());
    return kExitComplete;
  }
  return print(text_of(*report, given.brief)) ? kExitComplete : kExitFailed;
}

}  // namespace

Verb add_errors(CLI::App& program) {
  const auto given = std::make_shared<GivenToErrors>();
  CLI::App* verb = program.add_subcommand(
      "errors", "the errors of a job's script, alike ones grouped, with one traceback for each group");
  add_job_argument(*verb, given->job);
  verb->add_flag("--brief", given->brief, "without tracebacks");
  add_form_option(*verb, given->form, {{"text", Form::kTable}, {"json", Form::kJson}, {"yaml", Form::kYaml}});
  verb->footer("Example: parallelrun errors results/digits");
  return {verb, [given] { return run(*given); }};
}

}  // namespace parallelrun
