// The way out where what an earlier run stored can not be gone on with: the end of every message that says
// so. True on one machine and in pods, which have no command line.
#pragma once

namespace parallelrun {

inline constexpr const char* kBeginAnew =
    "begin anew with an empty or another output directory, or with parallelrun run --overwrite";

}  // namespace parallelrun
