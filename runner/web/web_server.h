// The server of the page: on this machine alone, for whoever has the link, which holds a token. What it
// answers: docs/ui.md. It decides nothing; worlds (world.h) know the jobs.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "runner/web/pages.h"
#include "runner/web/world.h"

namespace boost::asio {
class io_context;
}

namespace parallelrun::web {

class WebServer {
 public:
  struct Options {
    std::uint16_t port = 0;                 // 0: a free one
    std::map<std::string, PageFile> pages;  // read_pages()
    std::string version;
    std::string token;  // that each request for data has to show; 64 hexadecimal digits
  };

  // Listens on 127.0.0.1. `worlds` answer on threads that belong to this object; the rest happens on the
  // thread that runs `io`, which must outlive the server. Errors: kConflict (the port is taken), kIo.
  static Result<std::unique_ptr<WebServer>> listen(boost::asio::io_context& io, Options options,
                                                   std::vector<std::unique_ptr<World>> worlds);
  // Waits for calls of the worlds that are under way.
  ~WebServer();
  WebServer(const WebServer&) = delete;
  WebServer& operator=(const WebServer&) = delete;

  std::uint16_t port() const;
  // "http://127.0.0.1:PORT/#token=...": a secret, for the user alone. The part behind the # is not sent.
  std::string link() const;

 private:
  class Impl;
  explicit WebServer(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace parallelrun::web
