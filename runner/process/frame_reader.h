// Cuts the byte stream from the agent into frames.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "runner/channel/frames.h"

namespace parallelrun::process {

struct FrameView {
  channel::Frame kind;
  std::string_view payload;  // valid until the next read()
};

// Owns the buffer, not the descriptor. One thread.
class FrameReader {
 public:
  explicit FrameReader(int fd) : fd_(fd) {}

  enum class Outcome { kData, kNothing, kEnd, kInterrupted };

  // The next whole frame that has been read. Throws std::length_error when the peer announces a frame
  // larger than kMaxFrameBytes: what follows cannot be understood.
  std::optional<FrameView> next();

  // Reads once. With `wait` it blocks until there is data, the end, or a signal (kInterrupted); without,
  // kNothing says that there is none now. Throws std::system_error.
  Outcome read(bool wait);

 private:
  int fd_;
  std::string buffer_;
  std::size_t begin_ = 0;  // of what next() has not given yet
  std::size_t end_ = 0;    // of what has been read
};

}  // namespace parallelrun::process
