// The file under a persisted plan, as narrow as the plan needs it, so that a simulated file system can
// stand in.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/result/result.h"

namespace parallelrun {

// One file that grows at its end. read_at() may run in another thread beside the other calls.
class PlanStorage {
 public:
  virtual ~PlanStorage() = default;

  // All of `bytes` or an error; after an error any part of them may stand at the end. Errors: kNoSpace, kIo.
  virtual Status append(std::string_view bytes) = 0;
  // Up to `size` bytes from `offset`; fewer only at the end of the file. Errors: kIo.
  virtual Result<std::size_t> read_at(std::uint64_t offset, char* into, std::size_t size) = 0;
  // Cuts the file to `size` bytes. Errors: kIo.
  virtual Status truncate(std::uint64_t size) = 0;
  // Writes the same bytes again in their place, so that the next sync() covers them even if the sync of an
  // earlier process had failed, after which the system shows bytes that never reach the disk. Errors:
  // kNoSpace, kIo.
  virtual Status refresh(std::uint64_t offset, std::uint64_t size) = 0;
  // What was appended survives a crash of the machine from here on. Errors: kNoSpace, kIo; then nothing
  // is known about what is stored, and the process must not go on as if it were.
  virtual Status sync() = 0;
  virtual Result<std::uint64_t> size() = 0;
};

}  // namespace parallelrun
