#include "runner/pod/story_lines.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string_view>

#include "common/text/presentable.h"
#include "common/time/rfc3339.h"

namespace parallelrun {
namespace {

constexpr int kLongestWrite = 1000;   // ms
constexpr std::size_t kPiece = 4096;  // a pipe that is writable takes at least that much without blocking

}  // namespace

void StoryLines::say(const std::string& line) {
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const std::string text = rfc3339_seconds(now) + " " + presentable(line) + "\n";
  std::string_view rest = text;
  const std::lock_guard lock(mutex_);
  while (!rest.empty()) {
    pollfd writable{fd_, POLLOUT, 0};
    if (::poll(&writable, 1, kLongestWrite) <= 0) return;
    const ssize_t written = ::write(fd_, rest.data(), std::min(rest.size(), kPiece));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return;
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace parallelrun
