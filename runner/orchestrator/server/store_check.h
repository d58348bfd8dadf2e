// Whether a directory's file system does what commits rely on.
#pragma once

#include <string>

#include "common/result/result.h"

namespace parallelrun::orchestrator {

// Appends, cuts, reads back, syncs, renames and removes a small file in `folder`.
// Errors: kUnsupported naming the step that the store cannot do, kNoSpace.
Status check_store(const std::string& folder);

}  // namespace parallelrun::orchestrator
