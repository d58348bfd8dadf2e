// How a job of a cluster goes, for the verbs that show it: once, or until its end.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "runner/cli/shown.h"
#include "runner/cli/terminal.h"
#include "runner/cluster/interrupt.h"
#include "runner/cluster/job_view.h"
#include "runner/cluster/jobs.h"

namespace parallelrun {

// For a person: state, progress, times, conditions, pods. Pure.
std::string text_of(const cluster::JobView& job, const std::vector<cluster::PodView>& pods,
                    const Screen& screen, std::chrono::system_clock::time_point now);

// The closing words: what to look at now. Pure.
std::string closing_words(const cluster::JobView& job, std::chrono::system_clock::time_point now);

// Draws the bar of `run` (or lines, or JSON lines) on `descriptor` until the job has ended, and says what the
// operator says of it meanwhile. Outages of the API server are waited for. Gives the last state; kAborted:
// interrupted, the job goes on; kConflict: somebody deleted it.
Result<cluster::JobView> follow(cluster::Jobs& jobs, cluster::Interrupt& interrupt, cluster::JobView job,
                                DisplayMode mode, int descriptor);

// A progress event, or the last one, as `run --json` has them. Pure.
nlohmann::json event_of(const cluster::JobView& job);

// -o of a verb that does something to a job: text, json, yaml, name.
void add_form_option_of_job(CLI::App& verb, Form& form);
// What it prints: `words`, or the job as `status` gives it. False: as of print().
bool print_job(const std::string& name, const nlohmann::json& job, Form form, const std::string& words);

// `status` of a job in the cluster.
struct ClusterStatusOptions {
  std::string job;
  cluster::ClusterChoice cluster;
  bool watch = false;
  Form form = Form::kTable;
};
int cluster_status(const ClusterStatusOptions& options);

}  // namespace parallelrun
