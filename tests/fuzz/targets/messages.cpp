// Protocol messages: bytes that decode are those that encode() writes, and a message that is built of any
// values comes back whole. What is decoded is no larger than a small multiple of its bytes.
#include "runner/protocol/messages.h"

#include "tests/fuzz/draw.h"
#include "tests/fuzz/fuzz_target.h"

namespace parallelrun {
namespace {

template <typename Message>
void check_bytes(std::string_view body, Result<Message> (*decode)(std::string_view)) {
  const Result<Message> decoded = decode(body);
  if (!decoded) {
    HOLDS(decoded.error().code == ErrorCode::kCorrupt || decoded.error().code == ErrorCode::kUnsupported);
    return;
  }
  HOLDS(encode(*decoded) == body);
  // Every prefix is refused, for the end is part of the form.
  for (std::size_t size = body.size() > 64 ? body.size() - 64 : 0; size < body.size(); ++size) {
    HOLDS(!decode(body.substr(0, size)));
  }
}

template <typename Message>
void check_message(const Message& message, Result<Message> (*decode)(std::string_view)) {
  const std::string body = encode(message);
  const Result<Message> decoded = decode(body);
  HOLDS(decoded.ok());
  HOLDS(encode(*decoded) == body);
}

ScriptError drawn_error(fuzz::Draw& draw) {
  return {static_cast<ErrorPhase>(draw.up_to(6)), draw.string(), draw.string(), draw.string()};
}

AttemptResult drawn_result(fuzz::Draw& draw) {
  AttemptResult result;
  result.kind = static_cast<LeaseKind>(draw.up_to(1));
  result.attempt = draw.u64();
  result.seal = draw.u64();
  result.work = {{draw.u64()}, draw.u32()};
  result.outcome = static_cast<Outcome>(draw.up_to(6));
  result.items = draw.u64();
  result.returned = draw.u64();
  result.rows = draw.string();
  result.error = drawn_error(draw);
  result.process = draw.string();
  result.pid = draw.u64();
  result.started_unix_us = draw.extreme();
  result.duration_us = draw.u64();
  result.process_time_us = draw.u64();
  result.run_us = draw.u64();
  return result;
}

void check_drawn(fuzz::Draw draw) {
  ReportRequest report;
  report.session = draw.u64();
  report.sequence = draw.u64();
  for (std::size_t i = draw.up_to(3); i > 0; --i) report.results.push_back(drawn_result(draw));
  for (std::size_t i = draw.up_to(3); i > 0; --i) report.logs.push_back({draw.string(), draw.string()});
  for (std::size_t i = draw.up_to(3); i > 0; --i) {
    report.failures.push_back({draw.string(), draw.u64(), drawn_error(draw), draw.flag()});
  }
  report.processes_ready = draw.u32();
  report.inits_succeeded = draw.u32();
  report.slots_given_up = draw.u32();
  report.leaving = draw.flag();
  for (std::size_t i = draw.up_to(3); i > 0; --i) report.inside.push_back(draw.u64());
  check_message(report, &decode_report_request);

  LeaseReply reply;
  reply.directive = static_cast<Directive>(draw.up_to(2));
  for (std::size_t i = draw.up_to(3); i > 0; --i) reply.input_infos.push_back({draw.u32(), draw.string()});
  for (std::size_t i = draw.up_to(3); i > 0; --i) {
    reply.leases.push_back({.kind = static_cast<LeaseKind>(draw.up_to(1)),
                            .attempt = draw.u64(),
                            .seal = draw.u64(),
                            .work = {{draw.u64()}, draw.u32()},
                            .input = draw.u32(),
                            .items = draw.u64(),
                            .try_number = draw.u32(),
                            .fresh_process = draw.flag(),
                            .descriptor = draw.string()});
  }
  for (std::size_t i = draw.up_to(3); i > 0; --i) reply.revoked.push_back(draw.u64());
  check_message(reply, &decode_lease_reply);
}

FUZZ_TARGET(messages) {
  fuzz::Draw draw(bytes);
  const std::uint8_t kind = draw.u8();
  const std::string_view body = bytes.substr(bytes.empty() ? 0 : 1);
  switch (kind % 7) {
    case 0:
      return check_bytes(body, &decode_register_request);
    case 1:
      return check_bytes(body, &decode_register_reply);
    case 2:
      return check_bytes(body, &decode_lease_request);
    case 3:
      return check_bytes(body, &decode_lease_reply);
    case 4:
      return check_bytes(body, &decode_report_request);
    case 5:
      return check_bytes(body, &decode_report_reply);
    default:
      return check_drawn(draw);
  }
}

}  // namespace
}  // namespace parallelrun
