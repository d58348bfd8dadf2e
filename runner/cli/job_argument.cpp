#include "runner/cli/job_argument.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string_view>

#include "common/json/members.h"
#include "common/text/presentable.h"
#include "runner/cli/launcher.h"
#include "runner/cli/screen.h"
#include "runner/cli/shown.h"
#include "runner/cli/terminal.h"

namespace parallelrun {
namespace {

constexpr int kNearby = 3;  // folders deep
constexpr std::size_t kMostNamed = 5;

std::string nearby() {
  std::string names;
  std::size_t count = 0;
  for (const report::JobReport& found : report::reports_below(".", kNearby).reports) {
    if (++count > kMostNamed) break;
    names += (names.empty() ? "" : ", ") + ("'" + presentable(found.directory) + "'");
  }
  if (names.empty()) return "";
  return "; output directories here: " + names + (count > kMostNamed ? ", ..." : "");
}

}  // namespace

void add_job_argument(CLI::App& verb, JobArgument& job) {
  verb.add_option("JOB", job.job, "the output directory of a job, or the name of a job in a cluster")
      ->required();
  add_cluster_options(verb, job.cluster);
}

std::optional<report::JobReport> read_job(const std::string& job, const std::string& instead_of_store) {
  std::string directory = job;
  while (directory.size() > 1 && directory.ends_with('/')) directory.pop_back();
  if (const std::size_t at = job.find("://"); at != std::string::npos && at > 0) {
    complain(fmt::format("'{}' lies in a store, and this verb reads directories; {}", job, instead_of_store));
    return std::nullopt;
  }
  auto report = report::report_of(directory);
  if (report) return std::move(report).value();
  const Error& error = report.error();
  std::string more;
  if (error.code == ErrorCode::kNotFound) {
    more = nearby();
    if (is_job_name(directory))
      more += "; for a job of a cluster name a kubeconfig (KUBECONFIG, --kubeconfig)";
  }
  complain(error.message + more);
  return std::nullopt;
}

int refuse_here(const std::string& verb, const std::string& job, const std::string& way_out) {
  if (!read_job(job, "of a job in a cluster give the name")) return kExitInvalid;
  return refuse(fmt::format("'{}' is an output directory, and {} is for jobs of a cluster; on one machine {}",
                            job, verb, way_out),
                kExitInvalid);
}

std::string in_words(const report::JobReport& report) {
  std::string line = report.name + ": " + report::to_string(report.state);
  if (!report.reason.empty() && report.reason != "Completed") line += " (" + report.reason + ")";
  if (!report.message.empty()) line += ": " + report.message;
  return line;
}

}  // namespace parallelrun
