// The argument that names a job for the verbs that look at one: its output directory, or its name in a
// cluster (cluster_argument.h).
#pragma once

#include <optional>
#include <string>

#include "runner/cli/cluster_argument.h"
#include "runner/report/job_report.h"

namespace CLI {
class App;
}

namespace parallelrun {

struct JobArgument {
  std::string job;
  cluster::ClusterChoice cluster;

  bool in_cluster() const { return is_in_cluster(job, cluster); }
};

// The positional argument JOB of `verb`, and the options that say which cluster.
void add_job_argument(CLI::App& verb, JobArgument& job);

// Nothing: it is none, and that has been printed, with the output directories that lie here.
std::optional<report::JobReport> read_job(const std::string& job);

// One line for a person: "predict-digits: Complete, 3 of 2,000 items failed: all 200 mini-batches ...". Pure.
std::string in_words(const report::JobReport& report);

}  // namespace parallelrun
