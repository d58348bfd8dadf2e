// Joins small pieces so that a group of thousands of mini-batches is a few writes, and sums them up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/result/try.h"
#include "runner/output/checksum.h"
#include "runner/output/storage.h"

namespace parallelrun {

// What an append has added to a file.
struct Appended {
  std::uint64_t length = 0;  // bytes
  std::uint64_t checksum = 0;
  // What each of the pieces has of it, where they are rows of mini-batches; what stands before them all, such
  // as a header, is nobody's.
  std::vector<std::uint64_t> pieces = {};
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
  // Bytes so far, with those that are not flushed.
  std::uint64_t length() const { return length_; }

 private:
  static constexpr std::size_t kPiece = 1U << 20U;
  File& file_;
  std::string buffer_;
  RunningChecksum checksum_;
  std::uint64_t length_ = 0;
};

// How much of an append is whose.
class PieceLengths {
 public:
  // `out` must outlive it.
  explicit PieceLengths(const JoinedAppend& out) : out_(out) {}

  // What is added from here on is the first piece's.
  void begin() { before_ = out_.length(); }
  void end_piece() {
    pieces_.push_back(out_.length() - before_);
    before_ = out_.length();
  }
  Appended appended() {
    Appended all = out_.appended();
    all.pieces = std::move(pieces_);
    return all;
  }

 private:
  const JoinedAppend& out_;
  std::uint64_t before_ = 0;
  std::vector<std::uint64_t> pieces_;
};

}  // namespace parallelrun
