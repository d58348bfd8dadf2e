// The files of the output directory as the orchestrator uses them: appended, synced, cut, renamed, read.
// Narrow, so that the simulation can lose, tear and refuse every one of these steps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"

namespace parallelrun {

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
  // What was appended or cut before is durable after it, or with the next fence() of its Storage, in the
  // order of the calls. After an error nothing is known of what was not durable before, and a second try
  // would lie: the process must end.
  virtual Status sync() = 0;
};

// Paths are relative to the output directory, like ".parallelrun/journal".
//
// A process that is paused, or cut off, may find a successor at work when it goes on. It harms nothing as
// long as everybody keeps to two rules:
// - A file that was opened by its name is changed only after still_ours(): the successor puts new files in
//   the place of all that are appended to, and is the owner before it does so. What was opened earlier is no
//   file of the successor's.
// - A file appears whole, by a rename from an aside() of this process, after still_ours(). The successor
//   removes the asides of others once it is the owner.
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
  // The same with a folder and all in it.
  virtual Status remove_tree(const std::string& path) = 0;
  // Names that were created, renamed or removed in the folder of `path` are durable after it.
  virtual Status sync_folder_of(const std::string& path) = 0;
  // Names in a folder; none where there is no such folder.
  virtual Result<std::vector<std::string>> list(const std::string& folder) = 0;
  // Makes `to`, which is not there yet, of the first `length` bytes of `from`. Its content is durable when it
  // returns. Errors: also kCorrupt, where `from` is shorter.
  virtual Status copy(const std::string& from, std::uint64_t length, const std::string& to) = 0;

  // A path that no other process writes to, on the same file system, for what will be renamed to `path`. The
  // same for the life of this object.
  virtual std::string aside(const std::string& path) const = 0;
  // Errors: kAborted (another orchestrator has taken the directory over: for good), kNotFound (the directory,
  // its state or its lock was removed: for good), kIo.
  virtual Status still_ours() = 0;
  // All that was synced before is durable after it, and we are the owner still: only then may anybody be told
  // of it. Errors: those of still_ours(), and of sync().
  virtual Status fence() { return still_ours(); }
};

inline constexpr std::string_view kAsideMark = ".aside-";  // in the name of every aside()

// Removes what crashed processes left aside. To be called by the owner of the directory.
Status remove_asides(Storage& storage);
// Puts a copy of the first `length` bytes in the place of `path`, so that whoever has the file open writes to
// another one from now on. Durable when it returns.
Status make_fresh(Storage& storage, const std::string& path, std::uint64_t length);

// Replaces `path` by `content` so that after any crash either the old or the new is there, whole.
Status write_atomically(Storage& storage, const std::string& path, std::string_view content);
// Renames an aside() to its `path`. Durable when it returns.
Status put_in_place(Storage& storage, const std::string& aside, const std::string& path);
// The whole of a small file. Errors: kCorrupt when it is larger than `limit` bytes.
Result<std::string> read_whole(Storage& storage, const std::string& path, std::uint64_t limit);

}  // namespace parallelrun
