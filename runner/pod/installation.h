// `parallelrun install DIR`: brings the installation that this program belongs to into a directory, such as
// an emptyDir that a container of a user's image mounts. Needs no shell and no other program.
#pragma once

#include <string>

#include "common/result/result.h"

namespace parallelrun {

// The folder that holds bin/ with the running program in it.
Result<std::string> installation_folder();

// Makes `directory` (which may be there, and empty or from an earlier try) hold what `installation` holds:
// files with their modes, links as links. A file is put in its place whole. Prints nothing.
// Errors: kInvalidArgument (one lies in the other), kNotFound, kNoSpace, kIo; the message names the file.
Status install(const std::string& installation, const std::string& directory);

}  // namespace parallelrun
