// The small HTTP server of metrics and probes: GET and HEAD, on one thread, bounded in time and memory by
// common/http.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/result/result.h"

namespace boost::asio {
class io_context;
}
namespace parallelrun {
class HttpServer;
}

namespace parallelrun::op {

class StatusServer {
 public:
  struct Reply {
    unsigned status = 200;
    std::string content_type = "text/plain; charset=utf-8";
    std::string body;
  };
  // Called on the thread of the io_context with the path of a GET, without its query.
  using Handler = std::function<Reply(const std::string& path)>;
  struct Options {
    // "HOST:PORT", "[IPV6]:PORT" or ":PORT", which is every address, of IPv6 too where the machine has it.
    std::string address;
    std::size_t most_connections = 64;             // beyond them the oldest is closed
    std::chrono::milliseconds time_limit{10'000};  // for a request, a reply, or silence between them
  };

  // Listens. `io` must outlive it, and must not run while it is made or destroyed. Errors: kInvalidArgument
  // (the address), kConflict (somebody listens there), kIo.
  static Result<std::unique_ptr<StatusServer>> listen(boost::asio::io_context& io, const Options& options,
                                                      Handler handler);
  // Closes every connection.
  ~StatusServer();
  StatusServer(const StatusServer&) = delete;
  StatusServer& operator=(const StatusServer&) = delete;

  // The real one, where port 0 was asked for.
  std::uint16_t port() const;

 private:
  explicit StatusServer(std::unique_ptr<HttpServer> http);
  std::unique_ptr<HttpServer> http_;
};

}  // namespace parallelrun::op
