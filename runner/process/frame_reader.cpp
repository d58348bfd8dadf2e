#include "runner/process/frame_reader.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <stdexcept>
#include <system_error>

#include "runner/wire/wire.h"

namespace parallelrun::process {
namespace {
constexpr std::size_t kReadBytes = std::size_t{1} << 18U;
}

std::optional<FrameView> FrameReader::next() {
  const std::string_view unread = std::string_view(buffer_).substr(begin_, end_ - begin_);
  if (unread.size() < channel::kHeaderBytes) return std::nullopt;
  wire::Reader header(unread);
  const std::uint32_t size = header.u32();
  const auto kind = static_cast<channel::Frame>(header.u8());
  if (size > channel::kMaxFrameBytes) {
    throw std::length_error("the agent announced a frame of " + std::to_string(size) + " bytes");
  }
  if (header.rest().size() < size) return std::nullopt;
  begin_ += channel::kHeaderBytes + size;
  return FrameView{kind, header.rest().substr(0, size)};
}

FrameReader::Outcome FrameReader::read(bool wait) {
  if (begin_ > 0) {
    buffer_.erase(0, begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  // Doubling keeps a frame of many reads linear.
  if (buffer_.size() - end_ < kReadBytes / 4) buffer_.resize(std::max(end_ + kReadBytes, 2 * end_));
  const ssize_t got = ::recv(fd_, buffer_.data() + end_, buffer_.size() - end_, wait ? 0 : MSG_DONTWAIT);
  if (got > 0) {
    end_ += static_cast<std::size_t>(got);
    return Outcome::kData;
  }
  if (got == 0) return Outcome::kEnd;
  if (errno == EINTR) return Outcome::kInterrupted;
  if (errno == EAGAIN || errno == EWOULDBLOCK) return Outcome::kNothing;
  throw std::system_error(errno, std::generic_category(), "reading from the agent");
}

}  // namespace parallelrun::process
