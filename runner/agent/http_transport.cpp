#include "runner/agent/http_transport.h"

#include <utility>

namespace parallelrun::agent {

Result<std::unique_ptr<HttpTransport>> HttpTransport::create(boost::asio::io_context& io,
                                                             const ProtocolClient::Options& options) {
  auto leases = ProtocolClient::create(io, options);
  if (!leases) return leases.error();
  auto reports = ProtocolClient::create(io, options);
  if (!reports) return reports.error();
  return std::unique_ptr<HttpTransport>(new HttpTransport(io, std::move(*leases), std::move(*reports)));
}

void HttpTransport::post(Lane lane, const std::string& path, std::string body,
                         std::chrono::milliseconds timeout, Done done) {
  client(lane).post(path, std::move(body), timeout,
                    [done = std::move(done)](Result<ProtocolClient::Reply> reply) {
                      const Time now = std::chrono::steady_clock::now();
                      if (!reply) return done(reply.error(), now);
                      done(Answer{reply->status, std::move(reply->body)}, now);
                    });
}

void HttpTransport::cancel(Lane lane) { client(lane).cancel(); }

void HttpTransport::wake(Time when, std::function<void(Time now)> then) {
  timer_.expires_at(when);
  timer_.async_wait([then = std::move(then)](boost::system::error_code error) {
    if (!error) then(std::chrono::steady_clock::now());
  });
}

}  // namespace parallelrun::agent
