// The bytes of runner/channel/frames.h as this agent writes and reads them. Pure. What a process sends is
// distrusted: a user's script may have written to the descriptor.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/result/result.h"
#include "runner/channel/frames.h"
#include "runner/protocol/messages.h"

namespace parallelrun::agent {

// Each appends one frame to `out`.
void append_frame(std::string& out, channel::Frame type, std::string_view payload);
void append_run(std::string& out, const Lease& lease);  // kRun or kInferTypes
void append_input_info(std::string& out, const InputInfo& info);

struct FrameView {
  channel::Frame type{};
  std::string_view payload;  // into the buffer given
};

// Cuts the next frame off the front of `buffer`; none when it is not whole yet.
// Errors: kCorrupt, naming what is wrong with the header.
Result<std::optional<FrameView>> next_frame(std::string_view& buffer);

// kResult, kFailed and kTypes. The task is in `attempt`; what only the agent knows is left empty.
// Errors: kCorrupt.
Result<AttemptResult> decode_result(const FrameView& frame);

// kSkipped: the task. Errors: kCorrupt.
Result<std::uint64_t> decode_skipped(std::string_view payload);

// The JSON of kInitFailed and of an "error" member. `fallback` where it names no phase. Never fails:
// what cannot be read is shown as the message.
ScriptError decode_script_error(std::string_view json, ErrorPhase fallback);
// kBye: the error of shutdown(), if there was one.
std::optional<ScriptError> decode_bye(std::string_view json);

}  // namespace parallelrun::agent
