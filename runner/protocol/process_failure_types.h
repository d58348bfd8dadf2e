// Types of ProcessFailures that are not of the script, and that end the job in their own words.
#pragma once

#include <string_view>

namespace parallelrun {

// The code is another than at the job's start: the agent starts no process any more, and the job ends,
// whatever has worked before.
inline constexpr std::string_view kCodeChanged = "CodeChanged";
// No agent can make the Python environment.
inline constexpr std::string_view kEnvironmentError = "EnvironmentError";
// A store refuses to give the data of a mini-batch, and would refuse that of the next one.
inline constexpr std::string_view kStoreError = "StoreError";

}  // namespace parallelrun
