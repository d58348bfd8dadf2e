#include "runner/protocol/protocol_server.h"

#include <boost/asio/steady_timer.hpp>
#include <list>
#include <map>
#include <unordered_map>
#include <utility>

#include "runner/protocol/listening_socket.h"
#include "runner/protocol/server_connection.h"
#include "runner/protocol/tls_context.h"

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

class ProtocolServer::Impl final : public ConnectionOwner,
                                   public std::enable_shared_from_this<ProtocolServer::Impl> {
 public:
  Impl(asio::io_context& io, Options options, Handler handler)
      : options_(std::move(options)),
        handler_(std::move(handler)),
        budget_(options_.memory_limit),
        tcp_(io.get_executor()),
        unix_(io.get_executor()),
        pause_(io) {}

  Status open() {
    endpoint_ = options_.endpoint;
    if (endpoint_.kind == Endpoint::Kind::kUnix) {
      Result<UnixSocketFile> file = listen_on_unix(unix_, endpoint_.path);
      if (!file) return file.error();
      file_ = std::move(*file);
      accept(unix_);
      return {};
    }
    if (options_.tls.any()) {
      auto context = make_tls_context(TlsSide::kServer, options_.tls);
      if (!context) return context.error();
      tls_ = std::move(*context);
    }
    if (Status s = listen_on_tcp(tcp_, endpoint_, tls_ == nullptr); !s) return s;
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
    const auto open = open_;  // closing one may end others
    // NOLINTNEXTLINE(bugprone-nondeterministic-pointer-iteration-order): any order will do
    for (const auto& [connection, handshake] : open) {
      if (open_.contains(connection)) connection->close();
    }
  }

  const Endpoint& endpoint() const { return endpoint_; }
  std::size_t connections() const { return open_.size(); }
  std::uint64_t bytes_held() const { return budget_.bytes(); }

  const Options& options() const override { return options_; }

  void on_authenticated(ServerConnection& connection) override { take_off_handshakes(connection); }

  void on_closed(ServerConnection& connection) override {
    take_off_handshakes(connection);
    on_body_read(connection);
    open_.erase(&connection);
  }

  BodyBudget& budget() override { return budget_; }

  std::optional<Reply> admit(const std::string& path, const Caller& caller) override {
    if (stopped_ || !options_.admit) return std::nullopt;
    return options_.admit(path, caller);
  }

  void on_body_begins(ServerConnection& connection, const std::string& path, const Caller& caller) override {
    if (caller.agent.empty()) return;
    ServerConnection*& reading = reading_[{path, caller.agent}];
    ServerConnection* earlier = std::exchange(reading, &connection);
    if (earlier != nullptr && earlier != &connection) earlier->close();
  }

  void on_body_read(ServerConnection& connection) override {
    std::erase_if(reading_, [&connection](const auto& entry) { return entry.second == &connection; });
  }

  void handle(Request request, ReplyTo reply) override {
    if (handler_) handler_(std::move(request), std::move(reply));
  }

 private:
  void take_off_handshakes(ServerConnection& connection) {
    const auto found = open_.find(&connection);
    if (found == open_.end() || found->second == handshakes_.end()) return;
    handshakes_.erase(found->second);
    found->second = handshakes_.end();
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
      self->admit(std::move(*socket));
      self->accept(acceptor);
    });
  }

  void admit(asio::basic_stream_socket<asio::local::stream_protocol, IoExecutor>&& socket) {
    if (open_.size() >= options_.max_connections) return;
    begin(std::make_shared<HttpConnection<UnixStream>>(shared_from_this(), std::move(socket)));
  }

  void admit(asio::basic_stream_socket<asio::ip::tcp, IoExecutor>&& socket) {
    error_code ignored;
    socket.set_option(asio::ip::tcp::no_delay(true), ignored);
    if (tls_ == nullptr) {
      if (open_.size() >= options_.max_connections) return;
      return begin(std::make_shared<HttpConnection<TcpStream>>(shared_from_this(), std::move(socket)));
    }
    // Strangers cannot keep the job's own agents out: they take places from each other only.
    if (open_.size() - handshakes_.size() >= options_.max_connections) return;
    if (handshakes_.size() >= options_.max_handshakes) {
      ServerConnection& oldest = *handshakes_.front();
      take_off_handshakes(oldest);
      oldest.close();
    }
    begin(
        std::make_shared<HttpConnection<TlsStream>>(shared_from_this(), TcpStream(std::move(socket)), *tls_));
  }

  void begin(const std::shared_ptr<ServerConnection>& connection) {
    handshakes_.push_back(connection.get());
    open_.emplace(connection.get(), std::prev(handshakes_.end()));
    connection->start();
  }

  using Handshakes = std::list<ServerConnection*>;

  Options options_;
  Handler handler_;
  BodyBudget budget_;
  std::unique_ptr<asio::ssl::context> tls_;
  TcpAcceptor tcp_;
  UnixAcceptor unix_;
  asio::steady_timer pause_;
  UnixSocketFile file_;
  Endpoint endpoint_;
  bool stopped_ = false;
  // Connections take themselves off these two when they end.
  Handshakes handshakes_;  // not authenticated yet, oldest first
  std::unordered_map<ServerConnection*, Handshakes::iterator> open_;
  std::map<std::pair<std::string, std::string>, ServerConnection*> reading_;  // by path and agent
};

Result<std::unique_ptr<ProtocolServer>> ProtocolServer::listen(asio::io_context& io, const Options& options,
                                                               Handler handler) {
  auto impl = std::make_shared<Impl>(io, options, std::move(handler));
  if (Status s = impl->open(); !s) return s.error();
  return std::unique_ptr<ProtocolServer>(new ProtocolServer(std::move(impl)));
}

ProtocolServer::ProtocolServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
ProtocolServer::~ProtocolServer() { impl_->stop(); }
const Endpoint& ProtocolServer::endpoint() const { return impl_->endpoint(); }
std::size_t ProtocolServer::connections() const { return impl_->connections(); }
std::uint64_t ProtocolServer::bytes_held() const { return impl_->bytes_held(); }

}  // namespace parallelrun
