#include "common/http/http_server.h"

#include <boost/asio/steady_timer.hpp>
#include <list>
#include <map>
#include <unordered_map>
#include <utility>

#include "common/http/connection.h"
#include "common/http/listening_socket.h"
#include "common/http/tls_context.h"
#include "common/result/try.h"

namespace parallelrun {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

using TcpStream = boost::beast::basic_stream<asio::ip::tcp, IoExecutor>;
using TlsStream = boost::beast::ssl_stream<TcpStream>;
using UnixStream = boost::beast::basic_stream<asio::local::stream_protocol, IoExecutor>;

// Out of file descriptors, most likely: connections that end give some back.
constexpr std::chrono::milliseconds kAcceptPause{100};

}  // namespace

class HttpServer::Impl final : public ConnectionOwner, public std::enable_shared_from_this<HttpServer::Impl> {
 public:
  Impl(asio::io_context& io, Options options, Admit admit, Handler handler)
      : options_(std::move(options)),
        admit_(std::move(admit)),
        handler_(std::move(handler)),
        budget_(options_.limits.memory_limit),
        tcp_(io.get_executor()),
        unix_(io.get_executor()),
        pause_(io) {}

  Status open() {
    endpoint_ = options_.endpoint;
    if (endpoint_.kind == Endpoint::Kind::kUnix) {
      ASSIGN_OR_RETURN(file_, listen_on_unix(unix_, endpoint_.path));
      accept(unix_);
      return {};
    }
    if (options_.tls.any()) {
      ASSIGN_OR_RETURN(tls_, make_tls_context(tls_side(), options_.tls));
    }
    RETURN_IF_ERROR(listen_on_tcp(tcp_, endpoint_, options_.loopback_only && tls_ == nullptr));
    endpoint_.port = tcp_.local_endpoint().port();
    accept(tcp_);
    return {};
  }

  void stop() {
    stopped_ = true;
    error_code ignored;
    tcp_.close(ignored);
    unix_.close(ignored);
    pause_.cancel();
    file_ = UnixSocketFile();
    handler_ = nullptr;
    // Each takes itself off its list.
    while (!handshakes_.empty()) handshakes_.front()->close();
    while (!established_.empty()) established_.front()->close();
  }

  Status renew_tls() {
    if (tls_ == nullptr) return {};
    ASSIGN_OR_RETURN(tls_, make_tls_context(tls_side(), options_.tls));
    return {};
  }

  const Endpoint& endpoint() const { return endpoint_; }
  std::size_t connections() const { return places_.size(); }
  std::uint64_t bytes_held() const { return budget_.bytes(); }

  const Options& options() const override { return options_; }

  void on_authenticated(ServerConnection& connection) override {
    const auto found = places_.find(&connection);
    if (found == places_.end()) return;
    established_.splice(established_.end(), *found->second.list, found->second.at);
    found->second.list = &established_;
  }

  void on_closed(ServerConnection& connection) override {
    on_body_read(connection);
    const auto found = places_.find(&connection);
    if (found == places_.end()) return;
    found->second.list->erase(found->second.at);
    places_.erase(found);
  }

  BodyBudget& budget() override { return budget_; }

  Admission admit(const Header& header) override {
    return stopped_ || !admit_ ? Admission() : admit_(header);
  }

  void on_body_begins(ServerConnection& connection, const std::string& one_at_a_time) override {
    if (one_at_a_time.empty()) return;
    ServerConnection*& reading = reading_[one_at_a_time];
    ServerConnection* earlier = std::exchange(reading, &connection);
    if (earlier != nullptr && earlier != &connection) earlier->close();
  }

  void on_body_read(ServerConnection& connection) override {
    std::erase_if(reading_, [&connection](const auto& entry) { return entry.second == &connection; });
  }

  void handle(Header header, std::string body, ReplyTo reply) override {
    if (handler_) handler_(std::move(header), std::move(body), std::move(reply));
  }

 private:
  TlsSide tls_side() const {
    return options_.tls_for_strangers ? TlsSide::kServerOfStrangers : TlsSide::kServer;
  }

  template <typename Acceptor>
  void accept(Acceptor& acceptor) {
    using Protocol = typename Acceptor::protocol_type;
    using Socket = asio::basic_stream_socket<Protocol, IoExecutor>;
    auto socket = std::make_shared<Socket>(acceptor.get_executor());
    acceptor.async_accept(*socket, [self = shared_from_this(), &acceptor, socket](error_code error) {
      if (self->stopped_) return;
      if (error) {
        if (error == asio::error::operation_aborted) return;
        self->pause_.expires_after(kAcceptPause);
        self->pause_.async_wait([self, &acceptor](error_code cancelled) {
          if (!cancelled && !self->stopped_) self->accept(acceptor);
        });
        return;
      }
      self->take_in(std::move(*socket));
      self->accept(acceptor);
    });
  }

  // Whether there is room for one more, or has been made. Strangers cannot keep those out who have
  // authenticated themselves: they take places from each other only.
  bool make_room() {
    if (established_.size() >= options_.limits.max_connections) {
      if (options_.when_full == WhenFull::kRefuseNewest || established_.empty()) return false;
      established_.front()->close();
    }
    if (!handshakes_.empty() && handshakes_.size() >= options_.limits.max_handshakes) {
      handshakes_.front()->close();
    }
    return true;
  }

  void take_in(asio::basic_stream_socket<asio::local::stream_protocol, IoExecutor>&& socket) {
    if (!make_room()) return;
    begin(std::make_shared<HttpConnection<UnixStream>>(shared_from_this(), std::move(socket)));
  }

  void take_in(asio::basic_stream_socket<asio::ip::tcp, IoExecutor>&& socket) {
    if (!make_room()) return;
    error_code ignored;
    socket.set_option(asio::ip::tcp::no_delay(true), ignored);
    if (tls_ == nullptr) {
      return begin(std::make_shared<HttpConnection<TcpStream>>(shared_from_this(), std::move(socket)));
    }
    begin(
        std::make_shared<HttpConnection<TlsStream>>(shared_from_this(), TcpStream(std::move(socket)), *tls_));
  }

  void begin(const std::shared_ptr<ServerConnection>& connection) {
    handshakes_.push_back(connection.get());
    places_.emplace(connection.get(), Place{&handshakes_, std::prev(handshakes_.end())});
    connection->start();
  }

  using Connections = std::list<ServerConnection*>;
  struct Place {
    Connections* list;
    Connections::iterator at;
  };

  Options options_;
  Admit admit_;
  Handler handler_;
  BodyBudget budget_;
  std::unique_ptr<asio::ssl::context> tls_;
  TcpAcceptor tcp_;
  UnixAcceptor unix_;
  asio::steady_timer pause_;
  UnixSocketFile file_;
  Endpoint endpoint_;
  bool stopped_ = false;
  // A connection is in one of these two, which have their oldest first, until it is closed.
  Connections handshakes_;  // not authenticated yet
  Connections established_;
  std::unordered_map<ServerConnection*, Place> places_;
  std::map<std::string, ServerConnection*> reading_;  // a body, by what is read one at a time
};

Result<std::unique_ptr<HttpServer>> HttpServer::listen(asio::io_context& io, Options options, Admit admit,
                                                       Handler handler) {
  auto impl = std::make_shared<Impl>(io, std::move(options), std::move(admit), std::move(handler));
  RETURN_IF_ERROR(impl->open());
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::HttpServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() { impl_->stop(); }
Status HttpServer::renew_tls() { return impl_->renew_tls(); }
const Endpoint& HttpServer::endpoint() const { return impl_->endpoint(); }
std::size_t HttpServer::connections() const { return impl_->connections(); }
std::uint64_t HttpServer::bytes_held() const { return impl_->bytes_held(); }

}  // namespace parallelrun
