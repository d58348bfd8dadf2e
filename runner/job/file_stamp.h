// What the file system says of a file's content, and what the content says itself.
#pragma once

#include <fcntl.h>

#include <chrono>
#include <optional>
#include <string>

#include "common/result/result.h"
#include "runner/job/contents.h"

namespace parallelrun {

// Its clock may go in steps of two seconds: what was written within this time before it was looked at may be
// written again under the same times.
inline constexpr std::chrono::seconds kFreshFile{2};

// Size, stamp and trust of a file, `path` left empty; trust is kDigest where it is fresh, and sha256 is not
// taken. Nothing: there is no regular file. `folder`: open, what a relative path begins at.
std::optional<ContentEntry> stamp_of_file(const std::string& file, int folder = AT_FDCWD);
// Of an object of a store. Without a version nothing can be told: kNone.
ContentEntry stamp_of_object(std::uint64_t size, std::string_view version);

// 32 bytes. Errors: kIo.
Result<std::string> digest_of_content(const std::string& file);

}  // namespace parallelrun
