// Why something on a disk cannot be read, as an error that tells apart what its reader can do about it.
#pragma once

#include <string>

#include "common/result/result.h"

namespace parallelrun {

// `subject`: how the message names it, "'/data/out/logs'"; `number`: an errno. Errors: kNotFound (not there,
// or it can be nothing that is there), kDenied (denied.h), kIo (the disk or the system has trouble), each
// with its way out. Pure.
Error read_error(const std::string& subject, int number);

}  // namespace parallelrun
