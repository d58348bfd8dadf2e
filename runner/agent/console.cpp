#include "runner/agent/console.h"

#include <poll.h>
#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace parallelrun::agent {
namespace {

constexpr std::size_t kPiece = 4096;  // a pipe that is writable takes at least that much without blocking
constexpr int kLastWait = 1000;       // ms

}  // namespace

void Console::Stream::append(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::size_t room = kLongestLine - line_.size();
    const std::size_t taken = std::min({end, bytes.size(), room});
    line_.append(bytes.substr(0, taken));
    const bool whole = taken == end;
    if (whole || line_.size() == kLongestLine) {
      console_.add_line(name_, line_);
      line_.clear();
    }
    bytes.remove_prefix(taken + (whole ? 1 : 0));
  }
}

void Console::Stream::finish() {
  if (line_.empty()) return;
  console_.add_line(name_, line_);
  line_.clear();
}

Console::Stream& Console::stream(const std::string& name) {
  std::unique_ptr<Stream>& stream = streams_[name];
  if (!stream) stream = std::make_unique<Stream>(*this, name);
  return *stream;
}

void Console::add_line(std::string_view name, std::string_view line) {
  if (fd_ < 0) return;
  if (backlog_.size() + name.size() + line.size() + 3 > kBacklog || left_out_ > 0) {
    left_out_ += line.size() + 1;
    return;
  }
  backlog_.append(name).append(": ").append(line).push_back('\n');
}

bool Console::write_some(int wait_ms) {
  pollfd writable{fd_, POLLOUT, 0};
  if (::poll(&writable, 1, wait_ms) <= 0) return false;
  const ssize_t written = ::write(fd_, backlog_.data(), std::min(backlog_.size(), kPiece));
  if (written < 0) {
    if (errno == EINTR || errno == EAGAIN) return false;
    fd_ = -1;  // nobody reads it any more
    backlog_.clear();
    return false;
  }
  backlog_.erase(0, static_cast<std::size_t>(written));
  return true;
}

void Console::pump() {
  if (fd_ < 0) return;
  // As much as a tick has time for.
  for (std::size_t pieces = 0; !backlog_.empty() && pieces < kBacklog / kPiece && write_some(0); ++pieces) {
  }
  if (left_out_ > 0 && backlog_.size() < kBacklog / 2) {
    backlog_ += fmt::format("[parallelrun: {} bytes were left out here; logs/user has them]\n", left_out_);
    left_out_ = 0;
  }
}

void Console::finish() {
  for (auto& [name, stream] : streams_) stream->finish();
  pump();
  while (fd_ >= 0 && !backlog_.empty() && write_some(kLastWait)) {
  }
}

}  // namespace parallelrun::agent
