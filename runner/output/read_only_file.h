// A file of somebody else's output directory: read, and never changed.
#pragma once

#include <memory>
#include <string>

#include "common/result/result.h"
#include "runner/output/storage.h"

namespace parallelrun {

// What would change it gives kIo. Errors: kNotFound, kIo, naming the file.
Result<std::unique_ptr<File>> open_read_only(const std::string& path);

}  // namespace parallelrun
