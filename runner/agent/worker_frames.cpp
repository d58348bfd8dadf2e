#include "runner/agent/worker_frames.h"

#include <spdlog/fmt/fmt.h>

#include "common/json/compact_text.h"
#include "common/json/json.h"
#include "common/json/members.h"
#include "runner/progress/script_error.h"
#include "runner/wire/wire.h"

namespace parallelrun::agent {
namespace {

using nlohmann::json;

void append_header(std::string& out, channel::Frame type, std::size_t payload) {
  wire::Writer w(out);
  w.u32(static_cast<std::uint32_t>(payload));
  w.u8(static_cast<std::uint8_t>(type));
}

ScriptError script_error(const json& object, ErrorPhase fallback) {
  return {error_phase_of(text_at(object, "phase")).value_or(fallback), text_at(object, "type"),
          text_at(object, "message"), text_at(object, "traceback")};
}

// The JSON of kFailed.
void set_failure(AttemptResult& result, std::string_view bytes) {
  result.outcome = Outcome::kFailed;
  result.error = decode_script_error(bytes, ErrorPhase::kRun);
  const json document = json::parse(bytes, nullptr, false);
  if (!document.is_object()) return;
  const auto permanent = document.find("permanent");
  if (permanent != document.end() && permanent->is_boolean() && permanent->get<bool>())
    result.outcome = Outcome::kFailedForGood;
  const auto undecided = document.find("undecided");
  if (undecided != document.end() && undecided->is_object()) {
    result.outcome = Outcome::kUndecided;
    result.rows = compact_text(json{{"types", *undecided}});
  }
}

}  // namespace

void append_frame(std::string& out, channel::Frame type, std::string_view payload) {
  append_header(out, type, payload.size());
  out.append(payload);
}

void append_run(std::string& out, const Lease& lease) {
  const bool types = lease.kind == LeaseKind::kInferTypes;
  append_header(out, types ? channel::Frame::kInferTypes : channel::Frame::kRun,
                (types ? 12 : 20) + lease.descriptor.size());
  wire::Writer w(out);
  w.u64(lease.attempt);
  if (!types) w.u64(lease.work.mini_batch.value);
  w.u32(lease.input);
  out.append(lease.descriptor);
}

void append_input_info(std::string& out, const InputInfo& info) {
  // Column types are decided as JSON {"input":, "types":}, the form of the frame: they pass as they are.
  append_frame(out, channel::Frame::kInputInfo, info.types);
}

Result<std::optional<FrameView>> next_frame(std::string_view& buffer) {
  if (buffer.size() < channel::kHeaderBytes) return std::optional<FrameView>();
  wire::Reader r(buffer);
  const std::uint32_t length = r.u32();
  const std::uint8_t type = r.u8();
  if (length > channel::kMaxFrameBytes) {
    return Error{ErrorCode::kCorrupt,
                 fmt::format("a frame of {} bytes (at most {})", length, channel::kMaxFrameBytes)};
  }
  if (type < static_cast<std::uint8_t>(channel::Frame::kReady) ||
      type > static_cast<std::uint8_t>(channel::Frame::kSkipped)) {
    return Error{ErrorCode::kCorrupt, fmt::format("a frame of the unknown type {}", type)};
  }
  if (buffer.size() - channel::kHeaderBytes < length) return std::optional<FrameView>();
  const FrameView frame{static_cast<channel::Frame>(type), buffer.substr(channel::kHeaderBytes, length)};
  buffer.remove_prefix(channel::kHeaderBytes + length);
  return std::optional<FrameView>(frame);
}

Result<AttemptResult> decode_result(const FrameView& frame) {
  wire::Reader r(frame.payload);
  AttemptResult result;
  result.attempt = r.u64();
  if (frame.type == channel::Frame::kTypes) {
    result.kind = LeaseKind::kInferTypes;
    if (!r.ok()) return Error{ErrorCode::kCorrupt, "a truncated kTypes frame"};
    const json document = json::parse(r.rest(), nullptr, false);
    if (!document.is_object()) return Error{ErrorCode::kCorrupt, "a kTypes frame that is not a JSON object"};
    const auto error = document.find("error");
    if (error != document.end() && error->is_object()) {
      result.outcome = Outcome::kFailed;
      result.error = script_error(*error, ErrorPhase::kRead);
    } else {
      result.rows = std::string(r.rest());
    }
    return result;
  }
  result.started_unix_us = r.i64();
  result.duration_us = r.u64();
  result.process_time_us = r.u64();
  result.run_us = r.u64();
  result.items = r.u64();
  if (frame.type == channel::Frame::kResult) result.returned = r.u64();
  if (!r.ok()) return Error{ErrorCode::kCorrupt, "a truncated result frame"};
  if (frame.type == channel::Frame::kResult) {
    result.rows = std::string(r.rest());
  } else {
    set_failure(result, r.rest());
  }
  return result;
}

Result<std::uint64_t> decode_skipped(std::string_view payload) {
  wire::Reader r(payload);
  const std::uint64_t task = r.u64();
  if (!r.done()) return Error{ErrorCode::kCorrupt, "a kSkipped frame of the wrong size"};
  return task;
}

ScriptError decode_script_error(std::string_view bytes, ErrorPhase fallback) {
  const json document = json::parse(bytes, nullptr, false);
  if (document.is_object()) return script_error(document, fallback);
  return {fallback, "Unknown",
          "the process reported an error that cannot be read: " + std::string(bytes.substr(0, 1000)), ""};
}

std::optional<ScriptError> decode_bye(std::string_view bytes) {
  const json document = json::parse(bytes, nullptr, false);
  if (!document.is_object()) return std::nullopt;
  const auto error = document.find("error");
  if (error == document.end() || !error->is_object()) return std::nullopt;
  return script_error(*error, ErrorPhase::kShutdown);
}

}  // namespace parallelrun::agent
