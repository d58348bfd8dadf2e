// What one mini-batch of a job in a cluster needs, as one stream of bytes: from the pod that mounts the job's
// volumes to the machine on which it is run again. Lines of JSON; behind one with "bytes", as many bytes.
// Paths are raw bytes, in base64.
//
//   {"head": {...}}                                                   what is known of it
//   {"folder": path}                                                  one that may have no file
//   {"file": path, "mode": n, "size": n, "at": n, "bytes": n}         a piece of a file; the rest is a hole
//   {"end": true}
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/json/json.h"
#include "common/posix/file_descriptor.h"
#include "common/result/result.h"
#include "runner/store/byte_range.h"

namespace parallelrun {

// Collects first, so that its size is known before the first byte. One thread.
class ReplayPack {
 public:
  // What is asked for next belongs to `part`: "side input 'model'". `way_out`: how to do without it.
  void begin(std::string part, std::string way_out);
  // A piece of the file `from`, or all of it, as `to`. Errors: kNotFound, kIo, naming the file.
  Status add_file(const std::string& from, const std::string& to, std::optional<ByteRange> bytes);
  // All that is in `from`, as a reader of the volume sees it: links are followed, and what a ConfigMap volume
  // is made of ("..data") is left out. A single file is put below `to`. Gives where it is. Errors: the same.
  Result<std::string> add_tree(const std::string& from, const std::string& to);

  std::uint64_t bytes() const { return bytes_; }
  // "mini-batch 7 (3 files, 1.2 MB), the code (2 files, 512 B)".
  std::string in_words() const;
  // Errors: kInvalidArgument, a sentence with what is large and the way out.
  Status check(std::uint64_t most_bytes) const;

  // To standard output. Errors: kIo, also where a file has become shorter.
  Status write(const nlohmann::json& head) const;

 private:
  struct Piece {
    std::string from;
    std::string to;
    std::uint64_t size = 0;  // of the file
    unsigned mode = 0;
    ByteRange bytes;
  };
  struct Part {
    std::string name;
    std::string way_out;
    std::set<std::string> files;
    std::uint64_t bytes = 0;
  };
  Status add_folder(const std::string& from, const std::string& to, std::vector<std::string>& above);

  std::vector<Part> parts_;
  std::vector<std::string> folders_;
  std::vector<Piece> pieces_;
  std::uint64_t bytes_ = 0;
};

// Whether a path that the other end gives lies below the folder that it is put behind.
bool stays_below(const std::string& path);

// The other end. Makes nothing outside of its folder, and takes no more than it asked for, whatever it gets.
class ReplayUnpacking {
 public:
  ReplayUnpacking(std::string folder, std::uint64_t most_bytes)
      : folder_(std::move(folder)), room_(most_bytes) {}

  // Bytes in any pieces. False: it is broken; see state().
  bool take(std::string_view bytes);
  // Errors: kCorrupt (not a pack, or not whole), kIo, kNoSpace.
  Status state() const;
  // Once it is whole.
  const nlohmann::json& head() const { return head_; }

 private:
  Status line(const nlohmann::json& said);
  Status data(std::string_view bytes);

  std::string folder_;
  std::uint64_t room_;     // bytes that may still come
  std::size_t paths_ = 0;  // that have come
  std::string waiting_;    // the beginning of a line
  std::string file_;       // that the next bytes are of
  std::uint64_t at_ = 0;
  std::uint64_t left_ = 0;
  FileDescriptor open_;
  nlohmann::json head_;
  bool ended_ = false;
  Status state_;
};

}  // namespace parallelrun
