// Code that lies in a store, on one machine: it is fetched before the job is resolved, since its files and
// their hash are a part of the job.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "common/spec/job_spec.h"
#include "runner/job/local_resolution.h"

namespace parallelrun {

// Fills overrides.fetched_code where code of `spec` lies in a store. An exit code: it cannot be fetched, and
// that has been said on standard error, with `shown` for the manifest. `manifest`: its path, which relative
// paths are meant from. overrides.data_directory is of make_data_directory(). `say` gets sentences for
// people.
std::optional<int> bring_code(const JobSpec& spec, const std::string& manifest, const std::string& shown,
                              LocalOverrides& overrides, const std::function<void(const std::string&)>& say);

}  // namespace parallelrun
