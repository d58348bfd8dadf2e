#include "runner/cli/event_pipe.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <utility>

namespace parallelrun {
namespace {

constexpr std::size_t kLongestEvent = std::size_t{1} << 20U;

}  // namespace

EventPipe::EventPipe() {
  if (pipe2(ends_.data(), O_CLOEXEC | O_NONBLOCK) != 0) ends_ = {-1, -1};
  // The child's end must block: the orchestrator writes few and short lines.
  if (ends_[1] >= 0) fcntl(ends_[1], F_SETFL, 0);
}

EventPipe::~EventPipe() {
  close_writer();
  if (ends_[0] >= 0) close(ends_[0]);
}

void EventPipe::close_writer() {
  if (ends_[1] >= 0) close(std::exchange(ends_[1], -1));
}

std::vector<nlohmann::json> EventPipe::take(bool& at_end) {
  std::array<char, 16384> block{};
  while (true) {
    const ssize_t size = read(ends_[0], block.data(), block.size());
    if (size > 0) {
      pending_.append(block.data(), static_cast<std::size_t>(size));
      if (pending_.size() > kLongestEvent && pending_.find('\n') == std::string::npos) pending_.clear();
      continue;
    }
    if (size < 0 && errno == EINTR) continue;
    at_end = size == 0;
    break;
  }
  std::vector<nlohmann::json> events;
  std::size_t start = 0;
  for (std::size_t end = 0; (end = pending_.find('\n', start)) != std::string::npos; start = end + 1) {
    auto event = nlohmann::json::parse(pending_.begin() + static_cast<std::ptrdiff_t>(start),
                                       pending_.begin() + static_cast<std::ptrdiff_t>(end), nullptr, false);
    if (event.is_object()) events.push_back(std::move(event));
  }
  pending_.erase(0, start);
  return events;
}

}  // namespace parallelrun
