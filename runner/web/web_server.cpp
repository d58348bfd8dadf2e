#include "runner/web/web_server.h"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <functional>
#include <optional>
#include <utility>

#include "common/http/http_server.h"
#include "common/result/try.h"
#include "runner/web/desk.h"
#include "runner/web/door.h"
#include "runner/web/link_door.h"
#include "runner/web/replies.h"
#include "runner/web/request.h"

namespace parallelrun::web {
namespace {

constexpr std::uint64_t kLargestBody = std::uint64_t{16} << 10U;
constexpr std::uint64_t kMostBodies = std::uint64_t{4} << 20U;
constexpr std::size_t kMostConnections = 256;
constexpr std::size_t kMostConnectionsOfViewers = 1024;
constexpr std::uint32_t kLargestHeader = 32U << 10U;  // tokens of viewers are long
constexpr std::chrono::seconds kIdle{30};
constexpr std::string_view kHealth = "/healthz";

HttpServer::Options http_options() {
  HttpServer::Options http;
  http.endpoint = {.kind = Endpoint::Kind::kTcp, .path = "", .host = "127.0.0.1", .port = 0};
  http.methods = {HttpServer::Method::kGet, HttpServer::Method::kHead, HttpServer::Method::kPost};
  http.headers = security_fields();
  http.limits.body_limit = kLargestBody;
  http.limits.memory_limit = kMostBodies;
  http.limits.max_connections = kMostConnections;
  http.limits.idle_timeout = kIdle;
  return http;
}

}  // namespace

class WebServer::Impl final : public std::enable_shared_from_this<WebServer::Impl> {
 public:
  Impl(std::map<std::string, PageFile> pages, std::string token, bool health)
      : pages_(std::move(pages)), token_(std::move(token)), health_(health) {}

  // `door` is asked for once the port is known.
  Status open(boost::asio::io_context& io, HttpServer::Options http,
              const std::function<std::shared_ptr<Door>(std::uint16_t port)>& door) {
    ASSIGN_OR_RETURN(server_, HttpServer::listen(
                                  io, std::move(http), [this](const auto& header) { return admit(header); },
                                  [this](const Header& header, const std::string& body, ReplyTo reply) {
                                    handle(header, body, std::move(reply));
                                  }));
    door_ = door(port());
    return {};
  }

  void close() {
    server_.reset();
    if (door_) door_->close();
  }

  std::uint16_t port() const { return server_->endpoint().port; }
  std::string link() const { return fmt::format("http://127.0.0.1:{}/#token={}", port(), token_); }
  Status renew_tls() { return server_->renew_tls(); }

 private:
  using Header = HttpServer::Header;
  using Reply = HttpServer::Reply;
  using ReplyTo = HttpServer::ReplyTo;

  HttpServer::Admission admit(const Header& header) const {
    if (auto refused = door_->stranger(header, true))
      return {.refusal = std::move(refused), .one_at_a_time = ""};
    // A form of another page can send no such type without asking first, which nobody answers.
    if (header.content_type != kJson && !header.content_type.starts_with("application/json;"))
      return {.refusal = refusal(415, "Invalid", "the Content-Type of a POST must be application/json"),
              .one_at_a_time = ""};
    return {};
  }

  void handle(const Header& header, const std::string& body, ReplyTo reply) {
    if (health_ && header.path == kHealth && header.method != HttpServer::Method::kPost)
      return reply({.status = 200, .body = "ok\n"});
    const bool data = header.path.starts_with("/api");
    if (auto refused = door_->stranger(header, data)) return reply(std::move(*refused));
    std::optional<Target> target = parse_target(header.path);
    if (!target) return reply(refusal(400, "Invalid", "the address of this request is malformed"));
    if (!data) return reply(page(header, *target));
    const bool deed = header.method == HttpServer::Method::kPost;
    door_->enter(
        header,
        [deed, target = std::move(*target), body](Desk& desk, ReplyTo answer) {
          deed ? desk.handle_deed(target, body, std::move(answer))
               : desk.handle_question(target, std::move(answer));
        },
        std::move(reply));
  }

  Reply page(const Header& header, const Target& target) const {
    if (header.method == HttpServer::Method::kPost)
      return refusal(405, "Invalid", "what is no verb of a job takes GET alone");
    std::string path;
    for (const std::string& part : target.path) path += "/" + part;
    const auto found = pages_.find(path);
    if (found == pages_.end())
      return refusal(404, "NotFound",
                     "there is no such file; open the link that `parallelrun ui` has printed");
    const PageFile& file = found->second;
    return {
        .status = 200,
        .body = file.bytes,
        .content_type = file.content_type,
        .headers = {{"Cache-Control", file.lasting ? "private, max-age=31536000, immutable" : "no-store"}}};
  }

  const std::map<std::string, PageFile> pages_;
  const std::string token_;
  const bool health_;
  std::unique_ptr<HttpServer> server_;
  std::shared_ptr<Door> door_;
};

Result<std::unique_ptr<WebServer>> WebServer::listen(boost::asio::io_context& io, Options options,
                                                     std::vector<std::unique_ptr<World>> worlds,
                                                     Tenant tenant) {
  HttpServer::Options http = http_options();
  http.endpoint.port = options.port;
  auto impl = std::make_shared<Impl>(std::move(options.pages), options.token, false);
  const auto desk = std::make_shared<Desk>(io, options.version, std::move(worlds), std::move(tenant));
  RETURN_IF_ERROR(impl->open(io, std::move(http), [&](std::uint16_t port) {
    desk->open();
    return make_link_door(port, options.token, desk);
  }));
  return std::unique_ptr<WebServer>(new WebServer(std::move(impl)));
}

Result<std::unique_ptr<WebServer>> WebServer::listen(boost::asio::io_context& io,
                                                     ViewerServerOptions options) {
  HttpServer::Options http = http_options();
  http.endpoint = options.endpoint;
  http.tls = options.tls;
  http.tls_for_strangers = true;
  http.loopback_only = false;
  http.other_fields = {kOrigin, kFetchSite, kNamespaceField};
  http.limits.header_limit = kLargestHeader;
  http.limits.max_connections = kMostConnectionsOfViewers;
  auto impl = std::make_shared<Impl>(std::move(options.pages), "", true);
  RETURN_IF_ERROR(impl->open(io, std::move(http), [&](std::uint16_t) {
    return make_viewer_door(io, std::move(options.version), std::move(options.viewers));
  }));
  return std::unique_ptr<WebServer>(new WebServer(std::move(impl)));
}

WebServer::WebServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
WebServer::~WebServer() { impl_->close(); }
std::uint16_t WebServer::port() const { return impl_->port(); }
std::string WebServer::link() const { return impl_->link(); }
Status WebServer::renew_tls() { return impl_->renew_tls(); }

}  // namespace parallelrun::web
