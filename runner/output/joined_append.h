// Joins small pieces so that a group of thousands of mini-batches is a few writes, and sums them up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/result/try.h"
#include "runner/output/checksum.h"
#include "runner/output/storage.h"

namespace parallelrun {

// What an append has added to a file.
struct Appended {
  std::uint64_t length = 0;  // bytes
  std::uint64_t checksum = 0;
};

// `file` must outlive it. Nothing is in the file for sure before flush(). Errors: those of File::append().
class JoinedAppend {
 public:
  explicit JoinedAppend(File& file) : file_(file) {}

  Status add(std::string_view piece) {
    checksum_.update(piece);
    length_ += piece.size();
    if (piece.size() >= kPiece) {
      RETURN_IF_ERROR(flush());
      return file_.append(piece);
    }
    buffer_.append(piece);
    return buffer_.size() >= kPiece ? flush() : Status();
  }

  Status flush() {
    if (buffer_.empty()) return {};
    auto done = file_.append(buffer_);
    buffer_.clear();
    return done;
  }

  Appended appended() const { return {length_, checksum_.value()}; }

 private:
  static constexpr std::size_t kPiece = 1U << 20U;
  File& file_;
  std::string buffer_;
  RunningChecksum checksum_;
  std::uint64_t length_ = 0;
};

}  // namespace parallelrun
