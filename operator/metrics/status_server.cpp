#include "operator/metrics/status_server.h"

#include <boost/asio/ip/address.hpp>
#include <utility>

#include "common/http/http_server.h"
#include "common/result/try.h"

namespace parallelrun::op {
namespace {

Error invalid(const std::string& address) {
  return {ErrorCode::kInvalidArgument,
          "address \"" + address + "\": not of the form HOST:PORT, [IPV6]:PORT or :PORT, with a numeric host",
          false};
}

Result<Endpoint> endpoint_of(const std::string& address) {
  auto parsed = parse_endpoint(address.starts_with(":") ? "[::]" + address : address);
  if (!parsed.ok() || parsed->kind != Endpoint::Kind::kTcp) return invalid(address);
  Endpoint endpoint = std::move(parsed).value();
  if (endpoint.host == "localhost") endpoint.host = "127.0.0.1";
  boost::system::error_code wrong;
  boost::asio::ip::make_address(endpoint.host, wrong);
  if (wrong) return invalid(address);
  return endpoint;
}

}  // namespace

Result<std::unique_ptr<StatusServer>> StatusServer::listen(boost::asio::io_context& io,
                                                           const Options& options, Handler handler) {
  ASSIGN_OR_RETURN(auto endpoint, endpoint_of(options.address));
  HttpServer::Options http;
  http.endpoint = std::move(endpoint);
  http.loopback_only = false;
  http.when_full = HttpServer::WhenFull::kCloseOldest;
  http.limits.max_connections = options.most_connections;
  http.limits.idle_timeout = options.time_limit;
  http.limits.transfer_timeout = options.time_limit;
  auto answer = [handler = std::move(handler)](const HttpServer::Header& header, const std::string& /*body*/,
                                               const HttpServer::ReplyTo& reply) {
    Reply page = handler(header.path.substr(0, header.path.find('?')));
    reply(
        {.status = page.status, .body = std::move(page.body), .content_type = std::move(page.content_type)});
  };
  ASSIGN_OR_RETURN(auto server, HttpServer::listen(io, std::move(http), {}, std::move(answer)));
  return std::unique_ptr<StatusServer>(new StatusServer(std::move(server)));
}

StatusServer::StatusServer(std::unique_ptr<HttpServer> http) : http_(std::move(http)) {}
StatusServer::~StatusServer() = default;
std::uint16_t StatusServer::port() const { return http_->endpoint().port; }

}  // namespace parallelrun::op
