// Writing all bytes to a descriptor, however many calls it takes.
#pragma once

#include <string_view>

namespace parallelrun {

// Gives 0, or the errno of the call that failed (EIO where it wrote nothing): what came before it is written.
int write_all(int fd, std::string_view bytes);

}  // namespace parallelrun
