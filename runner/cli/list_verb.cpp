#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "common/json/members.h"
#include "common/text/presentable.h"
#include "common/time/rfc3339.h"
#include "runner/cli/cluster_argument.h"
#include "runner/cli/cluster_list.h"
#include "runner/cli/launcher.h"
#include "runner/cli/shown.h"
#include "runner/cli/terminal.h"
#include "runner/cli/verbs.h"
#include "runner/report/job_report.h"

namespace parallelrun {
namespace {

using report::JobReport;

struct GivenToList {
  std::vector<std::string> folders;
  int depth = 3;
  Form form = Form::kTable;
  cluster::ClusterChoice cluster;
  bool all_namespaces = false;

  // A folder is one of this machine. Without one the plugin of kubectl and the options of clusters mean jobs
  // of a cluster.
  bool in_cluster() const {
    return folders.empty() && (cluster.given() || all_namespaces || is_kubectl_plugin());
  }
};

std::string age_of(const JobReport& job) {
  const auto started = parse_rfc3339(text_at(job.progress, "started"));
  if (!started) return "";
  const auto age =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now() - *started);
  return short_age(std::max<std::int64_t>(0, age.count()));
}

std::vector<std::string> row_of(const JobReport& job, bool wide) {
  const JobProgress progress = job_progress_from_json(job.progress);
  std::vector<std::string> row = {
      job.name, report::to_string(job.state),
      fmt::format("{}/{}{}", progress.processed, progress.planned, progress.plan_complete ? "" : "+"),
      std::to_string(progress.items_failed), age_of(job)};
  if (wide) {
    row.push_back(std::to_string(progress.items_succeeded));
    row.push_back(job.reason);
  }
  row.push_back(job.directory);
  if (wide) row.push_back(job.message);
  return row;
}

std::string shown(const report::Found& found, Form form) {
  if (form == Form::kName) {
    std::string names;
    for (const JobReport& job : found.reports) names += presentable(job.directory) + "\n";
    return names;
  }
  if (form == Form::kJson || form == Form::kYaml) {
    nlohmann::ordered_json jobs = nlohmann::ordered_json::array();
    for (const JobReport& job : found.reports) jobs.push_back(nlohmann::ordered_json(to_json(job)));
    return document_text(jobs, form);
  }
  const bool wide = form == Form::kWide;
  std::vector<std::string> heads = {"NAME", "STATE", "MINI-BATCHES", "FAILED ITEMS", "AGE"};
  if (wide) heads.insert(heads.end(), {"ITEMS", "REASON"});
  heads.emplace_back("DIRECTORY");
  if (wide) heads.emplace_back("MESSAGE");
  std::vector<std::vector<std::string>> rows;
  for (const JobReport& job : found.reports) rows.push_back(row_of(job, wide));
  return table(heads, rows, screen_of(STDOUT_FILENO, wide));
}

int run(const GivenToList& given) {
  report::Found all;
  for (const std::string& folder : given.folders) {
    report::Found found = report::reports_below(folder, given.depth);
    std::move(found.reports.begin(), found.reports.end(), std::back_inserter(all.reports));
    std::move(found.unread.begin(), found.unread.end(), std::back_inserter(all.unread));
  }
  for (const std::string& what : all.unread) warn(what);
  const bool for_people = given.form == Form::kTable || given.form == Form::kWide;
  if (all.reports.empty() && for_people) {
    std::fprintf(stderr,
                 "parallelrun: no output directory of a job here, up to %d folders deep; name a folder, look "
                 "deeper with --depth, or list the jobs of a cluster with -n NAMESPACE or -A\n",
                 given.depth);
    return kExitComplete;
  }
  return print(shown(all, given.form)) ? kExitComplete : kExitFailed;
}

}  // namespace

Verb add_list(CLI::App& program) {
  const auto given = std::make_shared<GivenToList>();
  CLI::App* verb = program.add_subcommand(
      "list", "the jobs whose output directories lie in a folder, or those of a cluster");
  verb->add_option("FOLDER", given->folders, "where to look; default: the current folder");
  verb->add_option("--depth", given->depth, "how many folders deep; default 3")->check(CLI::Range(0, 64));
  verb->add_flag("-A,--all-namespaces", given->all_namespaces, "all jobs of the cluster");
  add_cluster_options(*verb, given->cluster);
  add_form_option(*verb, given->form,
                  {{"table", Form::kTable},
                   {"wide", Form::kWide},
                   {"json", Form::kJson},
                   {"yaml", Form::kYaml},
                   {"name", Form::kName}});
  verb->footer("Example: parallelrun list results; of a cluster: parallelrun list -n team");
  return {verb, [given] {
            if (given->in_cluster()) return cluster_list(given->cluster, given->all_namespaces, given->form);
            if (given->cluster.given() || given->all_namespaces) {
              return refuse("a folder is one of this machine: name either folders or a cluster",
                            kExitInvalid);
            }
            if (given->folders.empty()) given->folders = {"."};
            return run(*given);
          }};
}

}  // namespace parallelrun
