// An output directory as the page may read it: nothing outside of it, whatever a script has put there. Every
// component of a path is opened by itself, and none may be a link.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/posix/file_descriptor.h"
#include "common/result/result.h"

namespace parallelrun::web {

class OutputFolder {
 public:
  // `below`: the path of the output directory from `root`, which a user of this machine has named; empty:
  // `root` itself. Errors: kNotFound (it is gone, or something on its way is a link), those of
  // read_error().
  static Result<OutputFolder> open(const std::string& root, std::string_view below);

  // A regular file, opened for reading. `path`: relative. Errors: kInvalidArgument (no path within the
  // folder), kNotFound (nothing there, a link, or no file), those of read_error().
  Result<FileDescriptor> file(std::string_view path) const;
  // Whether `path` is a folder, without a link on its way.
  bool has_folder(std::string_view path) const;

  int descriptor() const { return folder_.get(); }

 private:
  explicit OutputFolder(FileDescriptor folder) : folder_(std::move(folder)) {}
  FileDescriptor folder_;
};

// Relative, at most 4096 bytes, of components that are not empty, "." or "..". Pure.
bool is_path_within(std::string_view path);

// The last `limit` bytes of the file, or all. Errors: those of read_error(), as below.
Result<std::string> read_end(const FileDescriptor& file, std::size_t limit);
// The first `limit` bytes.
Result<std::string> read_begin(const FileDescriptor& file, std::size_t limit);
// As many of `size` bytes from `offset` as are there, into `into`.
Result<std::size_t> read_at(int file, char* into, std::size_t size, std::uint64_t offset);

}  // namespace parallelrun::web
