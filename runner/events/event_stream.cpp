#include "runner/events/event_stream.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace parallelrun {

EventStream::EventStream() {
  std::array<int, 2> ends{-1, -1};
  if (pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return;
  reader_ = FileDescriptor(ends[0]);
  writer_ = FileDescriptor(ends[1]);
  fcntl(writer_.get(), F_SETFL, 0);
}

std::vector<nlohmann::json> EventStream::take(bool& at_end) {
  std::array<char, 16384> block{};
  while (true) {
    const ssize_t size = ::read(reader_.get(), block.data(), block.size());
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
