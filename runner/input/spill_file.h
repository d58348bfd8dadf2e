// Many streams of records in one file without a name: what does not fit into memory while it is grouped.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/posix/file_descriptor.h"
#include "common/result/result.h"

namespace parallelrun {

// Each stream is a chain of blocks of whole records. The file goes with this object, however the process
// ends. One thread at a time.
class SpillFile {
 public:
  // A file in `directory`, which ends in '/' and must be there. `block_bytes`: what a stream keeps in memory.
  // Errors: kIo,
  // kNoSpace.
  static Result<SpillFile> create(const std::string& directory, std::size_t block_bytes);

  // A new, empty stream.
  std::size_t add_stream();
  // Errors: kIo, kNoSpace.
  Status append(std::size_t stream, std::string_view record);
  std::uint64_t bytes(std::size_t stream) const { return streams_[stream].bytes; }

  // Calls visit(records) for block after block; an error of it ends the walk. Errors: kIo.
  using Visit = std::function<Status(std::string_view records)>;
  Status read(std::size_t stream, const Visit& visit);
  // Gives the room of a stream back, where the file system can. Nothing of it is read any more.
  void drop(std::size_t stream);

  // Whether drop() gives room back.
  bool gives_back() const { return gives_back_; }

 private:
  struct Extent {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
  };
  struct Stream {
    std::string block;  // not written yet
    std::vector<Extent> extents;
    std::uint64_t bytes = 0;
  };

  Status write_block(Stream& stream);

  FileDescriptor fd_;
  std::string directory_;
  std::size_t block_bytes_ = 0;
  std::uint64_t end_ = 0;
  bool gives_back_ = false;
  std::vector<Stream> streams_;
};

}  // namespace parallelrun
