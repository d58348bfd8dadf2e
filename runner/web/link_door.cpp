#include "runner/web/link_door.h"

#include <fmt/format.h>

#include <utility>

#include "runner/protocol/machine_token.h"
#include "runner/web/replies.h"

namespace parallelrun::web {
namespace {

class LinkDoor final : public Door {
 public:
  LinkDoor(std::uint16_t port, std::string token, std::shared_ptr<Desk> desk)
      : port_(port), token_(std::move(token)), desk_(std::move(desk)) {}

  // What is refused here was sent by a page of somebody else, whose name leads to this machine, or by one
  // that has not got the link.
  std::optional<HttpServer::Reply> stranger(const HttpServer::Header& header, bool data) const override {
    if (header.host != fmt::format("127.0.0.1:{}", port_) &&
        header.host != fmt::format("localhost:{}", port_))
      return refusal(
          403, "NoRights",
          fmt::format("the Host of a request must be 127.0.0.1:{}; open the link that `parallelrun "
                      "ui` has printed",
                      port_));
    if (!data) return std::nullopt;
    const std::string& given = header.authorization;
    if (given.starts_with(kBearer) && same_token(given.substr(kBearer.size()), token_)) return std::nullopt;
    HttpServer::Reply reply = refusal(401, "NoRights",
                                      "this request has no token, or that of an earlier start; open the link "
                                      "that `parallelrun ui` has printed");
    reply.headers.emplace_back("WWW-Authenticate", "Bearer");
    return reply;
  }

  void enter(const HttpServer::Header&, Inside inside, HttpServer::ReplyTo reply) override {
    inside(*desk_, std::move(reply));
  }

  void close() override { desk_->close().reset(); }

 private:
  const std::uint16_t port_;
  const std::string token_;
  const std::shared_ptr<Desk> desk_;
};

}  // namespace

std::shared_ptr<Door> make_link_door(std::uint16_t port, std::string token, std::shared_ptr<Desk> desk) {
  return std::make_shared<LinkDoor>(port, std::move(token), std::move(desk));
}

}  // namespace parallelrun::web
