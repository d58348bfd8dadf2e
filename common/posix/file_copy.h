// Copying bytes between files by the quickest way that their file systems have.
#pragma once

#include <cstdint>
#include <limits>

namespace parallelrun {

inline constexpr std::uint64_t kWholeFile = std::numeric_limits<std::uint64_t>::max();

// Copies the first `length` bytes of `from` to the start of the empty file `to`: by sharing blocks or within
// the kernel where that works. Neither file's position counts or changes. Gives 0, or the errno of the call
// that failed; ENODATA where `from` ends before `length` (not for kWholeFile).
int copy_bytes(int from, int to, std::uint64_t length);

}  // namespace parallelrun
