// One HTTP connection pool to the API server, as the rest of this room sees it.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <string_view>

#include "common/kube/api_error.h"

namespace parallelrun::kube {

struct Request {
  std::string method = "GET";
  std::string path;                            // from '/', each part already percent-encoded
  std::map<std::string, std::string> query;    // not encoded
  std::map<std::string, std::string> headers;  // Authorization is the transport's own
  std::string body;
  std::chrono::milliseconds timeout = std::chrono::seconds(30);  // for the whole exchange
  // Of a stream alone, may be empty: called once, as the sink of its lines is, if the status is 2xx.
  std::function<void()> opened;
};

struct Response {
  int status = 0;
  std::string retry_after;  // that header, or empty
  std::string body;
};

// All functions block the calling thread and may be called by several threads at once. Any answer of the
// server, 500 too, is a Response; an error is kUnreachable, kStopped, kMalformed or kUnauthorized
// (credentials cannot be had).
//
// A request whose kept-alive connection turns out to be closed may be sent a second time, a POST as well:
// objects need names computed by the caller, never `generateName`.
class Transport {
 public:
  // Gets each line without its line break; the view ends with the call. Returns false to end the stream.
  // Called on a thread of the transport, one call at a time, never after `stream` returned. Must not block
  // for long.
  using LineSink = std::function<bool(std::string_view line)>;

  virtual ~Transport() = default;
  virtual ApiResult<Response> send(const Request& request, const std::stop_token& stop) = 0;
  // Returns when the server ended the answer, the sink had enough or `stop` was requested (kStopped). Of a
  // status other than 2xx no line is given to the sink: all of it is in `body`.
  virtual ApiResult<Response> stream(const Request& request, const LineSink& sink,
                                     const std::stop_token& stop) = 0;
};

}  // namespace parallelrun::kube
