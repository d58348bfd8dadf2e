// Encodes a FileSet file by file, without building it first.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace parallelrun {

// Files are added in plan order; neighbours in one directory share its path.
class FileSetWriter {
 public:
  // `directory` is empty, or ends in '/' and does not begin with one. `name` holds neither '/' nor NUL.
  void add(std::string_view directory, std::string_view name);

  std::uint64_t files() const { return files_; }
  // Bytes of the descriptor so far.
  std::size_t bytes() const { return out_.size(); }

  // The descriptor. The writer is empty afterwards. Precondition: files() > 0.
  std::string take();

 private:
  void put_u32(std::size_t at, std::size_t value);

  std::string out_;
  std::string directory_;            // of the open group
  std::size_t names_length_at_ = 0;  // where the open group's length of names stands
  std::uint32_t groups_ = 0;
  std::uint64_t files_ = 0;
};

}  // namespace parallelrun
