// What makes two specs the same job: a job that has started must not become another one. Internal to the
// room.
#pragma once

#include <string>

#include "common/spec/job_spec.h"

namespace parallelrun::op {

// The hash of what identifies the job, as status.specHash has it: "1-" and 64 hexadecimal digits. The number
// is that of the form that is hashed: when it changes, jobs that were started before are not compared.
std::string spec_hash(const JobSpec& spec);
bool comparable(const std::string& recorded_hash, const std::string& hash);

}  // namespace parallelrun::op
