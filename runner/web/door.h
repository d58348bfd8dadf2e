// Who may come in, and to which desk: of this machine (link_door.h), or viewers of a cluster (viewer_door.h).
// One thread: that of the io_context.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "common/http/http_server.h"
#include "runner/web/desk.h"

namespace parallelrun::web {

class Door {
 public:
  virtual ~Door() = default;

  // What every request is refused for: sent by a page of somebody else, say. Nothing: it may come nearer.
  // `data`: it asks for more than the page's own files.
  virtual std::optional<HttpServer::Reply> stranger(const HttpServer::Header& header, bool data) const = 0;
  // Gives a request for data that stranger() has let pass to the desk of whoever sent it, now or later; or
  // refuses it by `reply`.
  using Inside = std::function<void(Desk& desk, HttpServer::ReplyTo reply)>;
  virtual void enter(const HttpServer::Header& header, Inside inside, HttpServer::ReplyTo reply) = 0;
  // Nobody comes in any more. Waits for calls of the worlds that are under way.
  virtual void close() = 0;
};

}  // namespace parallelrun::web
