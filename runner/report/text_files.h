// Files that a job writes while we read them: as they are at the moment, bounded.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "common/result/result.h"

namespace parallelrun::report {

// The whole file. Errors: kCorrupt (longer than `limit` bytes), those of read_error().
Result<std::string> read_text(const std::string& path, std::size_t limit);

// Calls `take` for each line, without its line break, until it gives false. A line of more than `longest`
// bytes comes cut to that. The last one may be without a line break. Errors: those of read_error().
Status for_each_line(const std::string& path, std::size_t longest,
                     const std::function<bool(std::string_view line)>& take);

}  // namespace parallelrun::report
