// A code of its own for what one may not do, so that nobody has to guess it from the words of a kIo.
#pragma once

#include "common/result/result.h"

namespace parallelrun {

// No right to a thing that is there: EACCES and EPERM of a file, 401 and 403 of a server.
inline constexpr auto kDenied = static_cast<ErrorCode>(100);

}  // namespace parallelrun
