// The orchestrator's HTTP server: a Unix socket, mutual TLS 1.3, or plain TCP on the loopback interface.
//
// Passive: accepting, reading and replying happen on the one thread that runs the caller's io_context, and
// so do the calls of the handler. A peer that is slow, silent, or not of this job costs a bounded time and
// a bounded amount of memory. `GET /healthz` is answered here with 200 "ok".
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "common/result/result.h"
#include "runner/protocol/caller.h"
#include "runner/protocol/endpoint.h"

namespace boost::asio {
class io_context;
}

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
    Endpoint endpoint = {};  // Unix: its folder is made (0700) or must be ours alone; the socket is 0600
    TlsFiles tls = {};       // a client without a certificate of this CA gets nothing
    std::size_t max_connections = 4096;
    std::size_t max_handshakes = 256;        // not yet authenticated; beyond it the oldest is closed
    std::uint32_t header_limit = 8U << 10U;  // bytes
    std::uint64_t body_limit = 1ULL << 20U;  // bytes
    std::map<std::string, std::uint64_t> body_limits = {{"/v1/report", 1ULL << 30U}};  // by path
    // Bytes of all bodies that are being read or wait for their answer; one body may go beyond it.
    std::uint64_t memory_limit = 64ULL << 20U;
    Admit admit = {};  // empty: everybody who can connect
    std::chrono::milliseconds handshake_timeout{10'000};
    std::chrono::milliseconds idle_timeout{60'000};  // until the next request's header is whole
    std::chrono::milliseconds transfer_timeout{
        30'000};  // of a body or reply, and 1 s more for each MiB of it
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

  // Listens. Errors: kInvalidArgument (endpoint or TLS files), kConflict (somebody listens there), kIo.
  // `io` must outlive the server.
  static Result<std::unique_ptr<ProtocolServer>> listen(boost::asio::io_context& io, const Options& options,
                                                        Handler handler);

  // Closes every connection and removes the Unix socket; the handler is not called any more.
  ~ProtocolServer();
  ProtocolServer(const ProtocolServer&) = delete;
  ProtocolServer& operator=(const ProtocolServer&) = delete;

  // With the real port.
  const Endpoint& endpoint() const;
  // Open now, handshakes included.
  std::size_t connections() const;
  // Of requests, see Options::memory_limit.
  std::uint64_t bytes_held() const;

 private:
  class Impl;
  explicit ProtocolServer(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace parallelrun
