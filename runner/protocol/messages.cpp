#include "runner/protocol/messages.h"

#include "runner/protocol/message_fields.h"

namespace parallelrun {
namespace {

template <typename Message>
Result<Message> decoded(std::string_view body, const char* name) {
  Message message;
  wire::Decoder in(body);
  in(message);
  if (const char* problem = in.problem()) {
    return Error{ErrorCode::kCorrupt, std::string(name) + " " + problem, false};
  }
  return message;
}

}  // namespace

std::string encode(const RegisterRequest& m) { return wire::encoded(m); }
std::string encode(const RegisterReply& m) { return wire::encoded(m); }
std::string encode(const LeaseRequest& m) { return wire::encoded(m); }
std::string encode(const LeaseReply& m) { return wire::encoded(m); }
std::string encode(const ReportRequest& m) { return wire::encoded(m); }
std::string encode(const ReportReply& m) { return wire::encoded(m); }

Result<RegisterRequest> decode_register_request(std::string_view body) {
  wire::Decoder begin(body);
  std::uint32_t protocol = 0;
  begin(protocol);
  if (begin.ok() && protocol != kProtocolVersion) {
    return Error{ErrorCode::kUnsupported,
                 "the agent uses protocol version " + std::to_string(protocol) +
                     ", the orchestrator uses version " + std::to_string(kProtocolVersion) +
                     "; use the same release for both",
                 false};
  }
  return decoded<RegisterRequest>(body, "register request");
}

Result<RegisterReply> decode_register_reply(std::string_view body) {
  return decoded<RegisterReply>(body, "register reply");
}

Result<LeaseRequest> decode_lease_request(std::string_view body) {
  return decoded<LeaseRequest>(body, "lease request");
}

Result<LeaseReply> decode_lease_reply(std::string_view body) {
  return decoded<LeaseReply>(body, "lease reply");
}

Result<ReportRequest> decode_report_request(std::string_view body) {
  return decoded<ReportRequest>(body, "report request");
}

Result<ReportReply> decode_report_reply(std::string_view body) {
  return decoded<ReportReply>(body, "report reply");
}

}  // namespace parallelrun
