// One HTTP connection from an agent to its orchestrator, over a Unix socket, mutual TLS, or plain TCP on
// the loopback interface. One request at a time: an agent has one client for each purpose.
//
// Passive: everything happens on the thread that runs the caller's io_context. The connection is made by
// the first request, kept, and made again after an error; pauses between tries are the caller's. A request
// that finds a kept connection closed is sent once more on a new one, which the sequence numbers of
// messages.h make harmless.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/http/endpoint.h"
#include "common/result/result.h"

namespace boost::asio {
class io_context;
}

namespace parallelrun {

class ProtocolClient {
 public:
  struct Options {
    Endpoint endpoint = {};
    TlsFiles tls = {};  // with them the orchestrator proves itself with a certificate of the same CA
    std::string server_name = {};  // TLS: what the certificate must name; empty: the endpoint's host
    std::string agent = {};        // who speaks, and how it proves that; see caller.h
    std::string proof = {};
    std::chrono::milliseconds connect_timeout{10'000};  // look-up, connection and TLS handshake
    std::uint64_t reply_limit = 256ULL << 20U;          // bytes of a reply's body
  };

  struct Reply {
    unsigned status = 0;  // HTTP status
    std::string body;
  };

  // Errors: kUnavailable (not reached, timed out, broken off; retryable unless TLS refused the peer),
  // kCorrupt (the reply is not HTTP, or too large), kAborted (cancelled), kConflict (a request is in flight).
  using Done = std::function<void(Result<Reply>)>;

  // Errors: kInvalidArgument for TLS files that cannot be used, or an endpoint in the clear that is not
  // on this machine. `io` must outlive the client.
  static Result<std::unique_ptr<ProtocolClient>> create(boost::asio::io_context& io, const Options& options);

  // Closes the connection; a request in flight ends without a call of its `done`.
  ~ProtocolClient();
  ProtocolClient(const ProtocolClient&) = delete;
  ProtocolClient& operator=(const ProtocolClient&) = delete;

  // `timeout` bounds sending and waiting for the whole reply, after the connection stands. `done` is called
  // once, never before post() returns.
  void post(const std::string& path, std::string body, std::chrono::milliseconds timeout, Done done);

  // Ends the request in flight with kAborted and closes the connection.
  void cancel();

  bool busy() const;

 private:
  class Impl;
  explicit ProtocolClient(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace parallelrun
