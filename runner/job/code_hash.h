// The code of a job as it lies on this machine: what code_files.h compares, and one digest of it by which
// agents check that they see the same code.
#pragma once

#include <string>
#include <string_view>

#include "common/result/result.h"
#include "runner/job/code_files.h"
#include "runner/job/resolved_job.h"
#include "runner/job/source_files.h"

namespace parallelrun {

struct SourceDigests {
  CodeFiles code;   // what the job is
  CodeFiles other;  // a table beside the script, what the script writes: says nothing of the job
};

// What to list of a job's source directory.
SourceOptions source_options(const ResolvedJob& job);

// A file name as text for JSON and for terminals; no two names become one.
std::string printable_name(std::string_view name);

// The files of the source directory without `job.not_code`, or the script alone where there is no source
// directory. Reads every file. Errors: kNotFound, kIo; the message names the path.
Result<SourceDigests> source_digests(const ResolvedJob& job);
// The code alone: no other file is read.
Result<CodeFiles> code_files(const ResolvedJob& job);

// The SHA-256 of names and digests of code; 64 hexadecimal digits.
std::string code_hash(const CodeFiles& files);

}  // namespace parallelrun
