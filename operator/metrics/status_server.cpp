#include "operator/metrics/status_server.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

namespace parallelrun::op {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

constexpr std::uint32_t kHeaderLimit = 8U << 10U;
constexpr std::uint64_t kBodyLimit = 1U << 10U;  // of a request, which has none
constexpr int kBacklog = 64;
constexpr std::chrono::milliseconds kPause{100};

Error invalid(const std::string& address) {
  return {ErrorCode::kInvalidArgument,
          "address \"" + address + "\": not of the form HOST:PORT, [IPV6]:PORT or :PORT, with a numeric host",
          false};
}

struct Place {
  std::optional<asio::ip::address> host;  // nothing: every one
  std::uint16_t port = 0;
};

Result<Place> place_of(const std::string& address) {
  const auto colon = address.rfind(':');
  if (colon == std::string::npos) return invalid(address);
  std::string host = address.substr(0, colon);
  Place place;
  const char* end = address.data() + address.size();
  const auto [rest, problem] = std::from_chars(address.data() + colon + 1, end, place.port);
  if (problem != std::errc() || rest != end) return invalid(address);
  if (host.empty()) return place;
  if (host == "localhost") host = "127.0.0.1";
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  boost::system::error_code wrong;
  place.host = asio::ip::make_address(host, wrong);
  if (wrong) return invalid(address);
  return place;
}

// An acceptor on every address of both families, or of IPv4 where the machine has no other.
boost::system::error_code open(tcp::acceptor& acceptor, const Place& place) {
  boost::system::error_code problem;
  const auto bind = [&](const tcp::endpoint& endpoint) {
    boost::system::error_code ignored;
    acceptor.close(ignored);
    problem.clear();
    acceptor.open(endpoint.protocol(), problem);
    if (problem) return;
    acceptor.set_option(tcp::acceptor::reuse_address(true), problem);
    if (!problem && endpoint.address().is_v6() && endpoint.address().is_unspecified()) {
      acceptor.set_option(asio::ip::v6_only(false), problem);
    }
    if (!problem) acceptor.bind(endpoint, problem);
    if (!problem) acceptor.listen(kBacklog, problem);
  };
  if (place.host) {
    bind({*place.host, place.port});
    return problem;
  }
  bind({tcp::v6(), place.port});
  if (problem && problem != asio::error::address_in_use) bind({tcp::v4(), place.port});
  return problem;
}

}  // namespace

class StatusServer::Impl : public std::enable_shared_from_this<StatusServer::Impl> {
 public:
  Impl(asio::io_context& io, Options options, Handler handler)
      : acceptor_(io), pause_(io), options_(std::move(options)), handler_(std::move(handler)) {}

  Result<void> open_at(const Place& place) {
    const auto problem = open(acceptor_, place);
    if (!problem) return {};
    return Error{problem == asio::error::address_in_use ? ErrorCode::kConflict : ErrorCode::kIo,
                 "address \"" + options_.address + "\": " + problem.message(), false};
  }

  void accept() {
    acceptor_.async_accept([self = shared_from_this()](boost::system::error_code problem, tcp::socket peer) {
      if (problem == asio::error::operation_aborted) return;
      if (problem) return self->accept_later();
      // Peers that stay silent must not keep a probe out.
      if (self->connections_.size() >= self->options_.most_connections) self->close_oldest();
      const auto connection = std::make_shared<Connection>(self, std::move(peer), self->next_connection_);
      self->connections_.emplace(self->next_connection_++, connection.get());
      connection->read();
      self->accept();
    });
  }

  void close_oldest() {
    const auto oldest = connections_.begin();
    oldest->second->close();
    connections_.erase(oldest);
  }

  // There are too many open files, say: it would be the same at once.
  void accept_later() {
    pause_.expires_after(kPause);
    pause_.async_wait([self = shared_from_this()](boost::system::error_code stopped) {
      if (!stopped && self->acceptor_.is_open()) self->accept();
    });
  }

  void close() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
    for (const auto& [number, connection] : connections_) connection->close();
  }

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

 private:
  // Kept alive by its pending operation.
  class Connection : public std::enable_shared_from_this<Connection> {
   public:
    Connection(std::shared_ptr<Impl> server, tcp::socket peer, std::uint64_t number)
        : server_(std::move(server)), stream_(std::move(peer)), number_(number) {}
    ~Connection() { server_->connections_.erase(number_); }

    void read() {
      parser_.emplace();
      parser_->header_limit(kHeaderLimit);
      parser_->body_limit(kBodyLimit);
      stream_.expires_after(server_->options_.time_limit);
      http::async_read(stream_, buffer_, *parser_,
                       [self = shared_from_this()](beast::error_code problem, std::size_t) {
                         if (!problem) self->reply();
                       });
    }

    void close() {
      boost::system::error_code ignored;
      stream_.socket().close(ignored);
    }

   private:
    void reply() {
      const auto& request = parser_->get();
      const bool known = request.method() == http::verb::get || request.method() == http::verb::head;
      std::string path(request.target());
      if (const auto query = path.find('?'); query != std::string::npos) path.resize(query);
      Reply answer = known ? server_->handler_(path) : Reply{405, "text/plain; charset=utf-8", "GET only\n"};
      response_ = {};
      response_.version(request.version());
      response_.result(answer.status);
      response_.keep_alive(request.keep_alive());
      response_.set(http::field::content_type, answer.content_type);
      response_.content_length(answer.body.size());
      if (request.method() != http::verb::head) response_.body() = std::move(answer.body);
      stream_.expires_after(server_->options_.time_limit);
      http::async_write(stream_, response_,
                        [self = shared_from_this()](beast::error_code problem, std::size_t) {
                          if (problem) return;
                          if (self->response_.keep_alive()) {
                            self->read();
                          } else {
                            beast::error_code ignored;
                            self->stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
                          }
                        });
    }

    const std::shared_ptr<Impl> server_;
    beast::tcp_stream stream_;
    beast::flat_buffer buffer_{kHeaderLimit + kBodyLimit};
    std::optional<http::request_parser<http::string_body>> parser_;
    http::response<http::string_body> response_;
    const std::uint64_t number_;
  };

  tcp::acceptor acceptor_;
  asio::steady_timer pause_;  // before the next accept()
  const Options options_;
  const Handler handler_;
  std::map<std::uint64_t, Connection*> connections_;  // the oldest first
  std::uint64_t next_connection_ = 0;
};

Result<std::unique_ptr<StatusServer>> StatusServer::listen(asio::io_context& io, const Options& options,
                                                           Handler handler) {
  const auto place = place_of(options.address);
  if (!place.ok()) return place.error();
  auto impl = std::make_shared<Impl>(io, options, std::move(handler));
  if (const auto opened = impl->open_at(*place); !opened.ok()) return opened.error();
  impl->accept();
  return std::unique_ptr<StatusServer>(new StatusServer(std::move(impl)));
}

StatusServer::StatusServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
StatusServer::~StatusServer() { impl_->close(); }
std::uint16_t StatusServer::port() const { return impl_->port(); }

}  // namespace parallelrun::op
