// The code of a job as it lies on this machine: what code_files.h compares, and one digest of it by which
// agents check that they see the same code.
#pragma once

#include <string>

#include "common/result/result.h"
#include "runner/job/code_files.h"
#include "runner/job/resolved_job.h"

namespace parallelrun {

// The files of the source directory without `job.not_code`, or the script alone where there is no source
// directory. Reads every file. Errors: kNotFound, kIo; the message names the path.
Result<CodeFiles> code_files(const ResolvedJob& job);

// The SHA-256 of names and digests; 64 hexadecimal digits.
std::string code_hash(const CodeFiles& files);

}  // namespace parallelrun
