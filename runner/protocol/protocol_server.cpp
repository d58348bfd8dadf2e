#include "runner/protocol/protocol_server.h"

#include <utility>

#include "common/result/try.h"

namespace parallelrun {
namespace {

constexpr unsigned kNotFound = 404;
constexpr const char* kReportPath = "/v1/report";
constexpr std::uint64_t kLargestReport = 1ULL << 30U;  // bytes

Caller caller_of(const HttpServer::Header& header) {
  Caller caller;
  caller.certified = header.peer.certified;
  caller.role = header.peer.role;
  caller.certified_name = header.peer.name;
  read_authorization(header.authorization, caller);
  return caller;
}

HttpServer::Reply reply_of(ProtocolServer::Reply reply) {
  return {.status = reply.status, .body = std::move(reply.body), .content_type = "application/octet-stream"};
}

HttpServer::Admission admission_of(const ProtocolServer::Admit& admit, const HttpServer::Header& header) {
  HttpServer::Admission admission;
  const Caller caller = caller_of(header);
  if (admit) {
    if (auto refusal = admit(header.path, caller)) admission.refusal = reply_of(std::move(*refusal));
  }
  // An agent that sends a request again has given the earlier one up.
  if (!caller.agent.empty()) admission.one_at_a_time = header.path + ' ' + caller.agent;
  return admission;
}

HttpServer::Reply answer_to_get(const std::string& path) {
  if (path == "/healthz") return {.status = 200, .body = "ok\n"};
  return {.status = kNotFound, .body = "GET is for /healthz\n", .close = true};
}

}  // namespace

Result<std::unique_ptr<ProtocolServer>> ProtocolServer::listen(boost::asio::io_context& io, Options options,
                                                               Handler handler) {
  HttpServer::Options http;
  http.endpoint = std::move(options.endpoint);
  http.tls = std::move(options.tls);
  http.methods = {HttpServer::Method::kGet, HttpServer::Method::kPost};
  http.limits = std::move(options.limits);
  http.limits.body_limits.try_emplace(kReportPath, kLargestReport);
  auto admit = [asked = std::move(options.admit)](const HttpServer::Header& header) {
    return admission_of(asked, header);
  };
  auto handle = [handler = std::move(handler)](const HttpServer::Header& header, std::string body,
                                               HttpServer::ReplyTo reply) {
    if (header.method == HttpServer::Method::kGet) return reply(answer_to_get(header.path));
    handler({header.path, std::move(body), caller_of(header)},
            [reply = std::move(reply)](Reply answer) { reply(reply_of(std::move(answer))); });
  };
  ASSIGN_OR_RETURN(auto server, HttpServer::listen(io, std::move(http), std::move(admit), std::move(handle)));
  return std::unique_ptr<ProtocolServer>(new ProtocolServer(std::move(server)));
}

ProtocolServer::ProtocolServer(std::unique_ptr<HttpServer> http) : http_(std::move(http)) {}
ProtocolServer::~ProtocolServer() = default;

}  // namespace parallelrun
