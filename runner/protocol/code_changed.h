// The type of the ProcessFailure by which an agent says that the code is another than at the job's start: it
// starts no process any more, and the job ends, whatever has worked before.
#pragma once

#include <string_view>

namespace parallelrun {

inline constexpr std::string_view kCodeChanged = "CodeChanged";

}  // namespace parallelrun
