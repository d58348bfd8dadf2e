// What a child writes to its event pipe, in pieces of any size: the same events, each a line that is a JSON
// object, and nothing of a line that has not ended.
#include "runner/events/event_stream.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "tests/fuzz/draw.h"
#include "tests/fuzz/fuzz_target.h"

namespace parallelrun {
namespace {

using nlohmann::json;

std::vector<json> taken(std::string_view stream, std::size_t piece) {
  EventStream events;
  std::vector<json> all;
  bool at_end = false;
  const auto take = [&] {
    for (json& event : events.take(at_end)) all.push_back(std::move(event));
  };
  while (!stream.empty()) {
    const std::string_view more = stream.substr(0, piece);
    stream.remove_prefix(more.size());
    if (::write(events.writer(), more.data(), more.size()) != static_cast<ssize_t>(more.size())) std::abort();
    take();
    HOLDS(!at_end);
  }
  events.close_writer();
  take();
  HOLDS(at_end);
  return all;
}

FUZZ_TARGET(event_stream) {
  fuzz::Draw draw(bytes);
  const std::size_t piece = draw.u8() + 1;
  const std::string_view stream = draw.rest().substr(0, 1U << 15U);  // fits into the pipe
  std::vector<json> expected;
  std::string_view rest = stream;
  for (std::size_t end = 0; (end = rest.find('\n')) != std::string_view::npos; rest.remove_prefix(end + 1)) {
    json event = json::parse(rest.substr(0, end), nullptr, false);
    if (event.is_object()) expected.push_back(std::move(event));
  }
  HOLDS(taken(stream, piece) == expected);
  HOLDS(taken(stream, 1U << 15U) == expected);
}

}  // namespace
}  // namespace parallelrun
