#include "runner/job/code_hash.h"

#include <fmt/format.h>

#include <array>
#include <fstream>

#include "common/hash/sha256.h"

namespace parallelrun {

Result<std::string> code_hash(const ResolvedJob& job) {
  if (!job.source_directory.empty()) return sha256_of_directory(job.source_directory, job.not_code);
  std::ifstream stream(job.script, std::ios::binary);
  if (!stream)
    return Error{ErrorCode::kNotFound, fmt::format("cannot read the entry script '{}'", job.script)};
  Sha256 hash;
  std::array<char, 65536> block{};
  while (stream) {
    stream.read(block.data(), block.size());
    hash.update({block.data(), static_cast<std::size_t>(stream.gcount())});
  }
  if (stream.bad())
    return Error{ErrorCode::kIo, fmt::format("cannot read the entry script '{}'", job.script)};
  return hash.hex_digest();
}

}  // namespace parallelrun
