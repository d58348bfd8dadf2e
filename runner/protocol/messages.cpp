#include "runner/protocol/messages.h"

#include <type_traits>
#include <utility>

#include "runner/wire/wire.h"

namespace parallelrun {
namespace {

using wire::Writer;

// A Reader that also refuses values outside their range, so that a decoded message holds only what an
// encoder could have written.
class Decoder {
 public:
  explicit Decoder(std::string_view body) : in_(body) {}

  std::uint32_t u32() { return in_.u32(); }
  std::uint64_t u64() { return in_.u64(); }
  std::int64_t i64() { return in_.i64(); }
  std::string string() { return in_.string(); }

  bool boolean() { return at_most(1) == 1; }

  template <typename Enum>
  Enum enumerator(Enum last) {
    return static_cast<Enum>(at_most(static_cast<std::uint8_t>(last)));
  }

  std::chrono::milliseconds milliseconds() {
    const std::uint64_t v = in_.u64();
    if (v > kLongest) valid_ = false;
    return std::chrono::milliseconds(v > kLongest ? 0 : static_cast<std::int64_t>(v));
  }

  // Stops at the first element that is not whole.
  template <typename Element>
  void repeated(std::size_t smallest, std::vector<Element>& out, Element (*element)(Decoder&),
                std::size_t most = kMostElements) {
    in_.repeated(smallest, [&] {
      if (out.size() >= most) valid_ = false;
      if (!valid_) return false;
      out.push_back(element(*this));
      return ok();
    });
  }

  bool ok() const { return valid_ && in_.ok(); }

  template <typename Message>
  Result<std::remove_cvref_t<Message>> finish(Message&& message, const char* name) const {
    if (ok() && in_.done()) return std::forward<Message>(message);
    const char* why = !in_.ok() ? "ends too early or contains a length beyond its end"
                      : !valid_ ? "contains a value that is out of range"
                                : "has more bytes than it should";
    return Error{ErrorCode::kCorrupt, std::string(name) + " " + why, false};
  }

 private:
  // A year: longer than any time that is sent, short enough to be added to a clock.
  static constexpr std::uint64_t kLongest = 365ULL * 24 * 3600 * 1000;
  // Elements take more room in memory than on the wire: many empty ones would make a large thing of a small
  // message. An agent sends some thousands at most.
  static constexpr std::size_t kMostElements = 1U << 18U;

  std::uint8_t at_most(std::uint8_t last) {
    const std::uint8_t v = in_.u8();
    if (v <= last) return v;
    valid_ = false;
    return 0;
  }

  wire::Reader in_;
  bool valid_ = true;
};

void put(Writer& out, std::chrono::milliseconds v) { out.u64(static_cast<std::uint64_t>(v.count())); }
template <typename Enum>
void put_enum(Writer& out, Enum v) {
  out.u8(static_cast<std::uint8_t>(v));
}
void put_count(Writer& out, std::size_t n) { out.u32(static_cast<std::uint32_t>(n)); }

// The least bytes that each element takes, so that a forged count is refused before memory is reserved.
constexpr std::size_t kSmallestInputInfo = 4 + 4;
constexpr std::size_t kWork = 8 + 4;
constexpr std::size_t kSmallestLease = 1 + 8 + 8 + kWork + 4 + 8 + 4 + 1 + 4;
constexpr std::size_t kSmallestError = 1 + 3 * 4;
constexpr std::size_t kSmallestResult =
    1 + 8 + 8 + kWork + 1 + 8 + 8 + 4 + kSmallestError + 4 + 8 + 8 + 3 * 8;
constexpr std::size_t kSmallestLogChunk = 4 + 4;
constexpr std::size_t kSmallestFailure = 4 + 8 + kSmallestError + 1;

void put(Writer& out, const InputInfo& v) {
  out.u32(v.input);
  out.bytes(v.types);
}

InputInfo get_input_info(Decoder& in) {
  InputInfo v;
  v.input = in.u32();
  v.types = in.string();
  return v;
}

void put(Writer& out, const WorkId& v) {
  out.u64(v.mini_batch.value);
  out.u32(v.part);
}

WorkId get_work(Decoder& in) {
  WorkId v;
  v.mini_batch.value = in.u64();
  v.part = in.u32();
  return v;
}

void put(Writer& out, const Lease& v) {
  put_enum(out, v.kind);
  out.u64(v.attempt);
  out.u64(v.seal);
  put(out, v.work);
  out.u32(v.input);
  out.u64(v.items);
  out.u32(v.try_number);
  out.u8(v.fresh_process ? 1 : 0);
  out.bytes(v.descriptor);
}

Lease get_lease(Decoder& in) {
  Lease v;
  v.kind = in.enumerator(LeaseKind::kInferTypes);
  v.attempt = in.u64();
  v.seal = in.u64();
  v.work = get_work(in);
  v.input = in.u32();
  v.items = in.u64();
  v.try_number = in.u32();
  v.fresh_process = in.boolean();
  v.descriptor = in.string();
  return v;
}

void put(Writer& out, const ScriptError& v) {
  put_enum(out, v.phase);
  out.bytes(v.type);
  out.bytes(v.message);
  out.bytes(v.traceback);
}

ScriptError get_error(Decoder& in) {
  ScriptError v;
  v.phase = in.enumerator(ErrorPhase::kShutdown);
  v.type = in.string();
  v.message = in.string();
  v.traceback = in.string();
  return v;
}

void put(Writer& out, const AttemptResult& v) {
  put_enum(out, v.kind);
  out.u64(v.attempt);
  out.u64(v.seal);
  put(out, v.work);
  put_enum(out, v.outcome);
  out.u64(v.items);
  out.u64(v.returned);
  out.bytes(v.rows);
  put(out, v.error);
  out.bytes(v.process);
  out.u64(v.pid);
  out.i64(v.started_unix_us);
  out.u64(v.duration_us);
  out.u64(v.process_time_us);
  out.u64(v.run_us);
}

AttemptResult get_result(Decoder& in) {
  AttemptResult v;
  v.kind = in.enumerator(LeaseKind::kInferTypes);
  v.attempt = in.u64();
  v.seal = in.u64();
  v.work = get_work(in);
  v.outcome = in.enumerator(Outcome::kUndecided);
  v.items = in.u64();
  v.returned = in.u64();
  v.rows = in.string();
  v.error = get_error(in);
  v.process = in.string();
  v.pid = in.u64();
  v.started_unix_us = in.i64();
  v.duration_us = in.u64();
  v.process_time_us = in.u64();
  v.run_us = in.u64();
  return v;
}

void put(Writer& out, const LogChunk& v) {
  out.bytes(v.path);
  out.bytes(v.bytes);
}

LogChunk get_log_chunk(Decoder& in) {
  LogChunk v;
  v.path = in.string();
  v.bytes = in.string();
  return v;
}

void put(Writer& out, const ProcessFailure& v) {
  out.bytes(v.process);
  out.u64(v.pid);
  put(out, v.error);
  out.u8(v.fatal ? 1 : 0);
}

ProcessFailure get_failure(Decoder& in) {
  ProcessFailure v;
  v.process = in.string();
  v.pid = in.u64();
  v.error = get_error(in);
  v.fatal = in.boolean();
  return v;
}

std::uint64_t get_attempt(Decoder& in) { return in.u64(); }

template <typename Element>
void put_all(Writer& out, const std::vector<Element>& elements) {
  put_count(out, elements.size());
  for (const Element& element : elements) put(out, element);
}

}  // namespace

std::string encode(const RegisterRequest& m) {
  std::string body;
  Writer out(body);
  out.u32(m.protocol);
  out.bytes(m.agent_name);
  out.bytes(m.node);
  out.u32(m.slots);
  out.bytes(m.code_hash);
  out.bytes(m.predecessor_end);
  return body;
}

Result<RegisterRequest> decode_register_request(std::string_view body) {
  Decoder in(body);
  RegisterRequest m;
  m.protocol = in.u32();
  // Only the first field is promised to mean the same in every version.
  if (in.ok() && m.protocol != kProtocolVersion) {
    return Error{ErrorCode::kUnsupported,
                 "the agent uses protocol version " + std::to_string(m.protocol) +
                     ", the orchestrator uses version " + std::to_string(kProtocolVersion) +
                     "; use the same release for both",
                 false};
  }
  m.agent_name = in.string();
  m.node = in.string();
  m.slots = in.u32();
  m.code_hash = in.string();
  m.predecessor_end = in.string();
  return in.finish(std::move(m), "register request");
}

std::string encode(const RegisterReply& m) {
  std::string body;
  Writer out(body);
  out.u64(m.session);
  out.u64(m.epoch);
  put(out, m.heartbeat);
  put(out, m.session_timeout);
  out.bytes(m.job);
  return body;
}

Result<RegisterReply> decode_register_reply(std::string_view body) {
  Decoder in(body);
  RegisterReply m;
  m.session = in.u64();
  m.epoch = in.u64();
  m.heartbeat = in.milliseconds();
  m.session_timeout = in.milliseconds();
  m.job = in.string();
  return in.finish(std::move(m), "register reply");
}

std::string encode(const LeaseRequest& m) {
  std::string body;
  Writer out(body);
  out.u64(m.session);
  out.u64(m.sequence);
  out.u32(m.want);
  return body;
}

Result<LeaseRequest> decode_lease_request(std::string_view body) {
  Decoder in(body);
  LeaseRequest m;
  m.session = in.u64();
  m.sequence = in.u64();
  m.want = in.u32();
  return in.finish(m, "lease request");
}

std::string encode(const LeaseReply& m) {
  std::size_t size = 64;
  for (const Lease& lease : m.leases) size += kSmallestLease + lease.descriptor.size();
  std::string body;
  body.reserve(size);
  Writer out(body);
  put_enum(out, m.directive);
  put_all(out, m.input_infos);
  put_all(out, m.leases);
  put_count(out, m.revoked.size());
  for (const std::uint64_t attempt : m.revoked) out.u64(attempt);
  return body;
}

Result<LeaseReply> decode_lease_reply(std::string_view body) {
  Decoder in(body);
  LeaseReply m;
  m.directive = in.enumerator(Directive::kAbort);
  in.repeated(kSmallestInputInfo, m.input_infos, &get_input_info);
  in.repeated(kSmallestLease, m.leases, &get_lease);
  in.repeated(sizeof(std::uint64_t), m.revoked, &get_attempt);
  return in.finish(std::move(m), "lease reply");
}

std::string encode(const ReportRequest& m) {
  std::size_t size = 256;
  for (const AttemptResult& result : m.results) size += kSmallestResult + 32 + result.rows.size();
  for (const LogChunk& log : m.logs) size += kSmallestLogChunk + log.path.size() + log.bytes.size();
  std::string body;
  body.reserve(size);
  Writer out(body);
  out.u64(m.session);
  out.u64(m.sequence);
  put_all(out, m.results);
  put_all(out, m.logs);
  put_all(out, m.failures);
  out.u32(m.processes_ready);
  out.u32(m.inits_succeeded);
  out.u32(m.slots_given_up);
  out.u8(m.leaving ? 1 : 0);
  put_count(out, m.inside.size());
  for (const std::uint64_t attempt : m.inside) out.u64(attempt);
  return body;
}

Result<ReportRequest> decode_report_request(std::string_view body) {
  Decoder in(body);
  ReportRequest m;
  m.session = in.u64();
  m.sequence = in.u64();
  in.repeated(kSmallestResult, m.results, &get_result);
  in.repeated(kSmallestLogChunk, m.logs, &get_log_chunk);
  in.repeated(kSmallestFailure, m.failures, &get_failure);
  m.processes_ready = in.u32();
  m.inits_succeeded = in.u32();
  m.slots_given_up = in.u32();
  m.leaving = in.boolean();
  in.repeated(sizeof(std::uint64_t), m.inside, &get_attempt);
  return in.finish(std::move(m), "report request");
}

std::string encode(const ReportReply& m) {
  std::string body;
  Writer out(body);
  put_enum(out, m.directive);
  return body;
}

Result<ReportReply> decode_report_reply(std::string_view body) {
  Decoder in(body);
  ReportReply m;
  m.directive = in.enumerator(Directive::kAbort);
  return in.finish(m, "report reply");
}

}  // namespace parallelrun
