// The descriptor of a mini-batch of whole files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"
#include "runner/input/descriptor_kind.h"

namespace parallelrun {

// Files of one mini-batch, grouped by directory so that a long common path is sent once.
//   u8 kind=1 | u32 groups | groups x { bytes directory | bytes names, joined by NUL }
// Names are raw bytes as the file system has them.
struct FileSet {
  struct Group {
    std::string directory;           // below the input's: empty, or ends in '/' and does not begin with one
    std::vector<std::string> names;  // no '/' and no NUL in a name
  };
  std::vector<Group> groups;
};

std::string encode(const FileSet& files);
// Errors: kCorrupt.
Result<FileSet> decode_file_set(std::string_view descriptor);
// The paths of its files, in their order. Errors: kCorrupt.
Result<std::vector<std::string>> names_of_file_set(std::string_view descriptor);
// A descriptor must fit into one frame to the worker, and memory. Errors: kInvalidArgument.
Status check_file_set_bytes(std::size_t bytes, std::uint64_t mini_batch_size);

}  // namespace parallelrun
