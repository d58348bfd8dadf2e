// The orchestrator's HTTP server: agents POST to it, over a Unix socket, mutual TLS 1.3, or plain TCP on the
// loopback interface. What a peer may cost stands in common/http/http_server.h; who sends a request is read
// here (caller.h). `GET /healthz` is answered here with 200 "ok".
//
// Passive: everything happens on the one thread that runs the caller's io_context.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/http/http_server.h"
#include "common/result/result.h"
#include "runner/protocol/caller.h"

namespace parallelrun {

class ProtocolServer {
 public:
  struct Reply {
    unsigned status = 200;
    std::string body;
  };

  // Asked when the header of a POST is whole, before a byte of its body is read: what it gives is the answer,
  // and the body is passed over.
  using Admit = std::function<std::optional<Reply>(const std::string& path, const Caller& caller)>;

  struct Options {
    Endpoint endpoint = {};
    TlsFiles tls = {};
    Admit admit = {};        // empty: everybody who can connect
    HttpLimits limits = {};  // reports have 1 GiB, where body_limits says nothing of them
  };

  // Answers one request, at once or later (a parked lease), at most once, on the io_context's thread. Without
  // effect when the connection or the server is gone; dropping it without a call closes the connection.
  using ReplyTo = std::function<void(Reply)>;
  // A POST.
  struct Request {
    std::string path;  // the request's target as it came
    std::string body;
    Caller caller;
  };
  using Handler = std::function<void(Request request, ReplyTo reply)>;

  // Listens. Errors: those of HttpServer::listen. `io` must outlive the server.
  static Result<std::unique_ptr<ProtocolServer>> listen(boost::asio::io_context& io, Options options,
                                                        Handler handler);

  // Closes every connection and removes the Unix socket; the handler is not called any more.
  ~ProtocolServer();
  ProtocolServer(const ProtocolServer&) = delete;
  ProtocolServer& operator=(const ProtocolServer&) = delete;

  // With the real port.
  const Endpoint& endpoint() const { return http_->endpoint(); }
  // Open now, handshakes included.
  std::size_t connections() const { return http_->connections(); }
  // Of requests, see HttpLimits::memory_limit.
  std::uint64_t bytes_held() const { return http_->bytes_held(); }

 private:
  explicit ProtocolServer(std::unique_ptr<HttpServer> http);
  std::unique_ptr<HttpServer> http_;
};

}  // namespace parallelrun
