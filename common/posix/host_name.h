#pragma once

#include <string>

namespace parallelrun {

// Of this machine or pod, as gethostname(2) gives it; thread-safe.
std::string host_name();

}  // namespace parallelrun
