// A job is made in a cluster and followed until its end: the last step of `submit` and of `resubmit`.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "runner/cli/shown.h"
#include "runner/cluster/interrupt.h"
#include "runner/cluster/jobs.h"
#include "runner/cluster/submission.h"

namespace parallelrun {

// Options of the form NAME=CLAIM[/FOLDER] into a map. False: one is malformed or doubled, and that has been
// printed.
bool read_claims(const char* option, const std::vector<std::string>& values,
                 std::map<std::string, std::string>& into);

struct SubmitOptions {
  bool no_wait = false;      // come back as soon as the cluster has it
  bool json = false;         // progress and result as JSON lines on standard output
  Form form = Form::kTable;  // of the last words
};

// `submission` has no problems. Gives the exit code; what went wrong is printed.
int submit_job(cluster::Jobs& jobs, cluster::Interrupt& interrupt, const cluster::Submission& submission,
               const SubmitOptions& options);

}  // namespace parallelrun
