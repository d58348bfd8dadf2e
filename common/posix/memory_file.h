// A file that lies in memory alone and has no name: what a program reads as its input, without anybody who
// feeds a pipe.
#pragma once

#include <string_view>

#include "common/posix/file_descriptor.h"
#include "common/result/result.h"

namespace parallelrun {

// With that content, to be read from its beginning; closed when another program is executed. `name` is what
// /proc shows. Errors: kUnavailable (no memory or no descriptor now; retryable).
Result<FileDescriptor> memory_file(const char* name, std::string_view content);

}  // namespace parallelrun
