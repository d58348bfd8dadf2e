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

// What to do where JOB is the address of a store, by most verbs.
inline constexpr const char* kFetchIt =
    "fetch what lies there into a directory (all but .parallelrun/log and .parallelrun/segments), and name "
    "that";

// Nothing: it is none, and that has been printed, with the output directories that lie here.
std::optional<report::JobReport> read_job(const std::string& job,
                                          const std::string& instead_of_store = kFetchIt);

// For a verb that only a cluster has: refuses it for the output directory `job`, or says that it is none.
// `way_out`: what to do on one machine. Gives the exit code.
int refuse_here(const std::string& verb, const std::string& job, const std::string& way_out);

// One line for a person: "predict-digits: Complete, 3 of 2,000 items failed: all 200 mini-batches ...". Pure.
std::string in_words(const report::JobReport& report);

}  // namespace parallelrun
