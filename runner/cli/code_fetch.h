// Code that lies in a store, on one machine: it is fetched before the job is resolved, since its files and
// their hash are a part of the job.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "runner/job/local_resolution.h"

namespace parallelrun {

// Fills code.directory. An exit code: it cannot be fetched, and that has been said on standard error. `say`
// gets sentences for people. `program`: the `parallelrun` that starts the data process; `data_directory`: of
// make_data_directory().
std::optional<int> fetch_code(const StoreInUse& code, const std::string& program,
                              const std::string& data_directory,
                              const std::function<void(const std::string&)>& say);

}  // namespace parallelrun
