// Writing bytes where they belong in a file, with sentences for the user.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/result/result.h"

namespace parallelrun {

// `directory` ends in '/' everywhere here.
// What an errno of writing there means. kNoSpace, kIo.
Error write_error(const std::string& directory, int error);
// Errors: as write_error().
Status write_at(int fd, std::uint64_t offset, std::string_view bytes, const std::string& directory);

}  // namespace parallelrun
