// What the code of a job is, as one digest: it identifies the job together with its settings, and every
// agent checks that it sees the same code.
#pragma once

#include <string>

#include "common/result/result.h"
#include "runner/job/resolved_job.h"

namespace parallelrun {

// The SHA-256 of the source directory without `job.not_code`, or of the script alone where there is no
// source directory. Reads every file. Errors: kNotFound, kIo; the message names the path.
Result<std::string> code_hash(const ResolvedJob& job);

}  // namespace parallelrun
