// What a worker process may write to its channel, read by the agent: whole or in pieces, the same frames; a
// frame written again is the same bytes; a result that decodes says no more than its bytes did. And what an
// agent may send, read by a process.
#include "runner/agent/worker_frames.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <stdexcept>
#include <vector>

#include "runner/process/frame_reader.h"
#include "tests/fuzz/draw.h"
#include "tests/fuzz/fuzz_target.h"

namespace parallelrun::agent {
namespace {

struct Frames {
  std::vector<std::pair<channel::Frame, std::string>> whole;
  std::string rest;
  bool broken = false;

  bool operator==(const Frames&) const = default;
};

// Takes the stream in pieces of `piece` bytes.
Frames taken(std::string_view stream, std::size_t piece) {
  Frames frames;
  while (!frames.broken) {
    const std::string_view more = stream.substr(0, piece);
    stream.remove_prefix(more.size());
    frames.rest.append(more);
    std::string_view buffer = frames.rest;
    while (true) {
      const auto frame = next_frame(buffer);
      frames.broken = !frame.ok();
      if (!frame || !frame->has_value()) break;
      frames.whole.emplace_back((**frame).type, (**frame).payload);
    }
    frames.rest = std::string(buffer);
    if (stream.empty()) break;
  }
  return frames;
}

void check_payload(const FrameView& frame) {
  const auto result = decode_result(frame);
  if (result) {
    HOLDS(result->rows.size() <= frame.payload.size());
    const bool failed = result->outcome == Outcome::kFailed;
    HOLDS(failed || result->outcome == Outcome::kSucceeded);
    HOLDS(!failed || result->rows.empty());
  }
  const ScriptError error = decode_script_error(frame.payload, ErrorPhase::kInit);
  HOLDS(error.message.size() <= 4 * frame.payload.size() + 1100);
  decode_bye(frame.payload);
}

// The process's reader, through a socket.
void check_process(std::string_view stream) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) != 0) std::abort();
  const std::string_view sent = stream.substr(0, 1U << 15U);  // fits into the socket
  if (!sent.empty() && ::send(ends[0], sent.data(), sent.size(), 0) != static_cast<ssize_t>(sent.size())) {
    std::abort();
  }
  ::shutdown(ends[0], SHUT_WR);
  process::FrameReader reader(ends[1]);
  std::size_t bytes = 0;
  try {
    while (reader.read(true) != process::FrameReader::Outcome::kEnd) {
      while (const auto frame = reader.next()) {
        std::string again;
        append_frame(again, frame->kind, frame->payload);
        HOLDS(sent.substr(bytes, again.size()) == again);
        bytes += again.size();
      }
    }
    HOLDS(bytes <= sent.size());
  } catch (const std::length_error&) {
    HOLDS(bytes < sent.size());  // announced as larger than a frame may be
  }
  ::close(ends[0]);
  ::close(ends[1]);
}

FUZZ_TARGET(worker_frames) {
  fuzz::Draw draw(bytes);
  const std::size_t piece = draw.up_to(64) + 1;
  const std::string_view stream = draw.rest();
  const Frames frames = taken(stream, stream.size() + 1);
  const Frames in_pieces = taken(stream, piece);
  HOLDS(in_pieces.whole == frames.whole && in_pieces.broken == frames.broken);
  std::string again;
  for (const auto& [type, payload] : frames.whole) {
    append_frame(again, type, payload);
    check_payload({type, payload});
  }
  HOLDS(again + frames.rest == stream);
  check_process(stream);
}

}  // namespace
}  // namespace parallelrun::agent
