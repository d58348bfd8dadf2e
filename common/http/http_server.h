// The HTTP server of this project: over a Unix socket, mutual TLS 1.3, or plain TCP. What it serves is its
// user's affair.
//
// Passive: accepting, reading and replying happen on the one thread that runs the caller's io_context, and so
// do the calls of the functions below. A peer that is slow, silent, or a stranger costs a bounded time and a
// bounded amount of memory. Requests of one connection are answered one after the other.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/http/endpoint.h"
#include "common/result/result.h"

namespace boost::asio {
class io_context;
}

namespace parallelrun {

class HttpStream;

// Who is at the other end of a connection.
struct HttpPeer {
  bool certified = false;  // the connection is mutual TLS
  std::string role;        // O of the peer's certificate
  std::string name;        // CN of the peer's certificate
};

// What peers may cost.
struct HttpLimits {
  std::size_t max_connections = 4096;
  std::size_t max_handshakes = 256;        // TLS, not yet authenticated; beyond it the oldest is closed
  std::uint32_t header_limit = 8U << 10U;  // bytes
  std::uint64_t body_limit = 1ULL << 20U;  // bytes
  std::map<std::string, std::uint64_t> body_limits = {};  // bytes, by path, where it is another one
  // Bytes of all bodies that are being read or wait for their answer; one body may go beyond it.
  std::uint64_t memory_limit = 64ULL << 20U;
  std::chrono::milliseconds handshake_timeout{10'000};
  std::chrono::milliseconds idle_timeout{60'000};      // until the next request's header is whole
  std::chrono::milliseconds transfer_timeout{30'000};  // of a body or reply, and 1 s more for each MiB of it
};

class HttpServer {
 public:
  enum class Method { kGet, kHead, kPost };

  // A request whose header is whole.
  struct Header {
    Method method = Method::kGet;
    std::string path;           // the request's target as it came, query included
    std::string authorization;  // these fields; empty: there is none
    std::string host;
    std::string content_type;
    std::map<std::string, std::string> others;  // those of Options::other_fields that it has, by that name
    HttpPeer peer;
  };
  using Fields = std::vector<std::pair<std::string, std::string>>;
  struct Reply {
    unsigned status = 200;
    std::string body;  // of a HEAD only its length is sent
    std::string content_type = "text/plain; charset=utf-8";
    bool close = false;   // the connection, after this reply
    Fields headers = {};  // besides those that every reply has
    // In place of the body: it comes piece by piece (http_stream.h), and its end closes the connection.
    std::shared_ptr<HttpStream> stream = nullptr;
  };
  // What becomes of a POST before a byte of its body is read.
  struct Admission {
    std::optional<Reply> refusal;  // the answer; the body is passed over
    // Of requests of the same name one body is read at a time: a later one ends the connection of the
    // earlier. Empty: any number.
    std::string one_at_a_time;
  };
  using Admit = std::function<Admission(const Header& header)>;

  // Answers one request, at once or later, at most once, on the io_context's thread. Without effect when the
  // connection or the server is gone; dropping it without a call closes the connection.
  using ReplyTo = std::function<void(Reply)>;
  using Handler = std::function<void(Header header, std::string body, ReplyTo reply)>;

  // Which connection goes when there are too many.
  enum class WhenFull {
    kRefuseNewest,
    kCloseOldest,  // peers that stay silent must not keep others out
  };

  struct Options {
    Endpoint endpoint = {};  // Unix: its folder is made (0700) or must be ours alone; the socket is 0600
    TlsFiles tls = {};       // a client without a certificate of this CA gets nothing
    // `tls` has no CA: clients need no certificate (TLS 1.2 or later). Who they are the handler finds out.
    bool tls_for_strangers = false;
    bool loopback_only = true;                   // without TLS: refuse any address but this machine's
    std::vector<std::string> other_fields = {};  // of requests, for Header::others
    std::set<Method> methods = {Method::kGet, Method::kHead};  // others are answered with 405
    WhenFull when_full = WhenFull::kRefuseNewest;
    HttpLimits limits = {};
    Fields headers = {};  // of every reply, those too that the server itself gives
  };

  // Listens. `admit` is asked for each POST; empty: everybody who can connect may send one. Errors:
  // kInvalidArgument (endpoint or TLS files), kConflict (somebody listens there), kIo. `io` must outlive the
  // server, and must not run on another thread while the server is made or destroyed.
  static Result<std::unique_ptr<HttpServer>> listen(boost::asio::io_context& io, Options options, Admit admit,
                                                    Handler handler);

  // Closes every connection, removes the Unix socket, and calls none of the functions again.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Reads the files of TLS again, for later connections. Files that cannot be used, or that do not belong
  // together (somebody is replacing them), change nothing: the error names them.
  Status renew_tls();

  // With the real port.
  const Endpoint& endpoint() const;
  // Open now, handshakes included.
  std::size_t connections() const;
  // Of requests, see HttpLimits::memory_limit.
  std::uint64_t bytes_held() const;

 private:
  class Impl;
  explicit HttpServer(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace parallelrun
