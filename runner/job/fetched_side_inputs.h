// Which objects of a store a job's side inputs are, as one digest: of those that were fetched on a machine or
// in a pod, and of those that were written down when the job began (contents.h). [side_inputs]
#pragma once

#include <string>

#include "common/result/result.h"
#include "common/spec/job_spec.h"

namespace parallelrun {

// The part of a job's contents that a side input is, and the name by which the data process knows it.
std::string side_input_part(const std::string& name);
bool fetches_side_inputs(const JobSpec& spec);

// Of what the data process at `socket` has fetched of all side inputs. Errors: those of a StoreListing.
Result<std::string> fetched_digest(const std::string& socket);
// Of what a contents file says of the side inputs of `spec` that lie in stores. The same where the names,
// sizes and versions of all objects are. Errors: those of a ContentsReader.
Result<std::string> recorded_digest(const std::string& contents, const JobSpec& spec);

}  // namespace parallelrun
