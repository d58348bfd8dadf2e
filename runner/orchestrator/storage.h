// The files of the output directory as the orchestrator uses them: appended, synced, cut, renamed, read.
// Narrow, so that the simulation can lose, tear and refuse every one of these steps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/result/result.h"

namespace parallelrun::orchestrator {

// One open file with no other writer. The destructor closes it and syncs nothing. One thread at a time.
// Errors of all functions: kNoSpace (disk or quota full), kIo; the message names the file.
class File {
 public:
  virtual ~File() = default;

  virtual Result<std::uint64_t> size() = 0;
  // At the end of the file. After an error any part of `bytes` may have been written.
  virtual Status append(std::string_view bytes) = 0;
  // Fills `buffer` from `offset`; less than `size` bytes at the end of the file only.
  virtual Result<std::size_t> read(std::uint64_t offset, char* buffer, std::size_t size) = 0;
  // Cuts the file to `size` bytes, never extends it.
  virtual Status truncate(std::uint64_t size) = 0;
  // Writes the same bytes again in their place, so that the next sync() covers them even if the sync of an
  // earlier process had failed, after which the system shows bytes that never reach the disk.
  virtual Status refresh(std::uint64_t offset, std::uint64_t size) = 0;
  // What was appended or cut before is durable after it. After an error nothing is known of what was
  // not durable before, and a second try would lie: the process must end.
  virtual Status sync() = 0;
};

// Paths are relative to the output directory, like ".parallelrun/journal".
class Storage {
 public:
  virtual ~Storage() = default;

  // Read and append. Creates the file (empty) and its folder where missing.
  virtual Result<std::unique_ptr<File>> open(const std::string& path) = 0;
  virtual Result<bool> exists(const std::string& path) = 0;
  // Replaces `to`.
  virtual Status rename(const std::string& from, const std::string& to) = 0;
  // A file that is not there is no error.
  virtual Status remove(const std::string& path) = 0;
  // Names that were created, renamed or removed in the folder of `path` are durable after it.
  virtual Status sync_folder_of(const std::string& path) = 0;
};

// Replaces `path` by `content` so that after any crash either the old or the new is there, whole.
Status write_atomically(Storage& storage, const std::string& path, std::string_view content);
// The whole of a small file. Errors: kCorrupt when it is larger than `limit` bytes.
Result<std::string> read_whole(Storage& storage, const std::string& path, std::uint64_t limit);

}  // namespace parallelrun::orchestrator
