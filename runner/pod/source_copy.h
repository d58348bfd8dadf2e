// The code of a job as its processes use it: a copy, since a ConfigMap volume changes under a running pod.
#pragma once

#include <string>

#include "common/result/result.h"

namespace parallelrun {

// Makes `to` (a directory, made where missing) hold what `from` holds, and nothing else. What `to` held
// before is there until the new copy is whole. Links are resolved, such as those that a ConfigMap volume is
// made of; a link that leads out of `boundary` or nowhere stays a link. Modes are kept. Left out: the volume
// mechanism's own entries ("..data" and the like), `lost+found`, and whatever is neither file nor directory.
// `boundary` is the root of the volume in which `from` lies.
// Errors: kNotFound, kNoSpace, kIo; the message names the file.
Status copy_source(const std::string& from, const std::string& boundary, const std::string& to);

}  // namespace parallelrun
