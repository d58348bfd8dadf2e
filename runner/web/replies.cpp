#include "runner/web/replies.h"

#include <utility>

#include "common/result/denied.h"
#include "runner/web/output_answers.h"

namespace parallelrun::web {
namespace {

using nlohmann::ordered_json;

struct Kind {
  unsigned status;
  const char* reason;
};

Kind kind_of(ErrorCode code) {
  if (code == kDenied) return {403, "NoRights"};
  switch (code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kUnsupported:
      return {400, "Invalid"};
    case ErrorCode::kConflict:
      return {409, "Invalid"};
    case ErrorCode::kNotFound:
      return {404, "NotFound"};
    case ErrorCode::kCorrupt:
      return {500, "Damaged"};
    case ErrorCode::kUnavailable:
    case ErrorCode::kAborted:
      return {503, "Unreachable"};
    case ErrorCode::kNoSpace:
      return {507, "Failed"};
    case ErrorCode::kIo:
      break;
  }
  return {500, "Failed"};
}

}  // namespace

const HttpServer::Fields& security_fields() {
  static const HttpServer::Fields kFields = {
      {"Content-Security-Policy",
       "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
       "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
      {"X-Content-Type-Options", "nosniff"},
      {"X-Frame-Options", "DENY"},
      {"Referrer-Policy", "no-referrer"},
      {"Cross-Origin-Resource-Policy", "same-origin"},
      {"Cross-Origin-Opener-Policy", "same-origin"}};
  return kFields;
}

HttpServer::Reply data_reply(unsigned status, std::string text) {
  return {.status = status,
          .body = std::move(text),
          .content_type = std::string(kJson),
          .headers = {{"Cache-Control", "no-store"}}};
}

HttpServer::Reply refusal(unsigned status, const char* reason, const std::string& message) {
  return data_reply(status, answer_text({{"message", message}, {"reason", reason}}));
}

HttpServer::Reply refusal(const Error& error) {
  const Kind kind = kind_of(error.code);
  return refusal(kind.status, kind.reason, error.message);
}

HttpServer::Reply data_reply(Result<ordered_json> answer) {
  return answer ? data_reply(200, answer_text(std::move(answer).value())) : refusal(answer.error());
}

}  // namespace parallelrun::web
