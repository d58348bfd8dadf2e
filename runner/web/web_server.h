// The server of the page: its files, and the way to the desk that answers (desk.h), past a door (door.h).
// What it answers: docs/ui.md. It decides nothing; worlds (world.h) know the jobs.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/http/endpoint.h"
#include "common/result/result.h"
#include "runner/web/pages.h"
#include "runner/web/places.h"
#include "runner/web/viewer_door.h"
#include "runner/web/world.h"

namespace boost::asio {
class io_context;
}

namespace parallelrun::web {

class WebServer {
 public:
  struct Options {
    std::uint16_t port = 0;                 // of 127.0.0.1; 0: a free one
    std::map<std::string, PageFile> pages;  // read_pages()
    std::string version;
    std::string token;  // that each request for data has to show; 64 hexadecimal digits
  };
  struct ViewerServerOptions {
    Endpoint endpoint;
    TlsFiles tls;  // certificate and key; none: plain, behind a proxy or a tunnel that has TLS
    std::map<std::string, PageFile> pages;
    std::string version;
    ViewerOptions viewers;
  };

  // On this machine alone, for whoever has the link, who is `tenant`. `worlds` answer on threads that belong
  // to this object; the rest happens on the thread that runs `io`, which must outlive the server. Errors:
  // kConflict (the port is taken), kIo.
  static Result<std::unique_ptr<WebServer>> listen(boost::asio::io_context& io, Options options,
                                                   std::vector<std::unique_ptr<World>> worlds, Tenant tenant);
  // In a cluster, for viewers with a token each (viewer_door.h). /healthz answers everybody. Errors: the
  // same, and kInvalidArgument (endpoint, TLS files).
  static Result<std::unique_ptr<WebServer>> listen(boost::asio::io_context& io, ViewerServerOptions options);
  // Waits for calls of the worlds that are under way.
  ~WebServer();
  WebServer(const WebServer&) = delete;
  WebServer& operator=(const WebServer&) = delete;

  std::uint16_t port() const;
  // "http://127.0.0.1:PORT/#token=...": a secret, for the user alone. The part behind the # is not sent.
  std::string link() const;
  // See HttpServer.
  Status renew_tls();

 private:
  class Impl;
  explicit WebServer(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace parallelrun::web
