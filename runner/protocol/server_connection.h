// One accepted connection: requests are read, handed on and answered one after the other. Internal to the
// room; one thread.
#pragma once

#include <algorithm>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "runner/protocol/protocol_server.h"

namespace parallelrun {

class ServerConnection;

// What a connection asks of its server.
class ConnectionOwner {
 public:
  virtual const ProtocolServer::Options& options() const = 0;
  virtual void on_authenticated(ServerConnection& connection) = 0;
  virtual void on_closed(ServerConnection& connection) = 0;
  virtual void handle(const std::string& path, std::string body, ProtocolServer::ReplyTo reply) = 0;

 protected:
  ~ConnectionOwner() = default;
};

class ServerConnection {
 public:
  virtual ~ServerConnection() = default;
  virtual void start() = 0;
  virtual void close() = 0;
};

// Kept alive by its pending operation, or by the ReplyTo it waits for.
template <typename Stream>
class HttpConnection final : public ServerConnection,
                             public std::enable_shared_from_this<HttpConnection<Stream>> {
 public:
  template <typename... StreamArguments>
  explicit HttpConnection(std::shared_ptr<ConnectionOwner> owner, StreamArguments&&... arguments)
      : owner_(std::move(owner)),
        stream_(std::forward<StreamArguments>(arguments)...),
        buffer_(kLargestRead) {}

  ~HttpConnection() override { owner_->on_closed(*this); }
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  void start() override {
    if constexpr (kTls) {
      lowest().expires_after(owner_->options().handshake_timeout);
      stream_.async_handshake(boost::asio::ssl::stream_base::server,
                              [self = this->shared_from_this()](SocketError error) {
                                if (error) return self->close();
                                self->owner_->on_authenticated(*self);
                                self->read_header();
                              });
    } else {
      owner_->on_authenticated(*this);
      read_header();
    }
  }

  void close() override {
    closed_ = true;
    awaited_ = 0;
    // No TLS close_notify: every message carries its length, so a cut cannot pass for an end.
    lowest().close();
  }

 private:
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
  using Response = boost::beast::http::response<boost::beast::http::string_body>;
  using Status = boost::beast::http::status;
  using SocketError = boost::beast::error_code;
  using LowestLayer =
      std::remove_reference_t<decltype(boost::beast::get_lowest_layer(std::declval<Stream&>()))>;
  static constexpr bool kTls = !std::is_same_v<Stream, LowestLayer>;
  static constexpr std::size_t kLargestRead = 256U << 10U;

  LowestLayer& lowest() { return boost::beast::get_lowest_layer(stream_); }

  std::chrono::milliseconds transfer_time(std::uint64_t bytes) const {
    return owner_->options().transfer_timeout + std::chrono::seconds(bytes >> 20U);
  }

  std::uint64_t body_limit(const std::string& path) const {
    const auto& limits = owner_->options().body_limits;
    const auto found = limits.find(path);
    return found == limits.end() ? owner_->options().body_limit : found->second;
  }

  std::uint64_t largest_body() const {
    std::uint64_t largest = owner_->options().body_limit;
    for (const auto& [path, limit] : owner_->options().body_limits) largest = std::max(largest, limit);
    return largest;
  }

  void read_header() {
    if (closed_) return;
    parser_.emplace();
    parser_->header_limit(owner_->options().header_limit);
    parser_->body_limit(largest_body());
    // One deadline from here to the end of the header, however slowly it trickles in.
    lowest().expires_after(owner_->options().idle_timeout);
    boost::beast::http::async_read_header(
        stream_, buffer_, *parser_,
        [self = this->shared_from_this()](SocketError error, std::size_t) { self->on_header(error); });
  }

  void on_header(SocketError error) {
    if (error) return on_read_error(error);
    const auto& request = parser_->get();
    path_ = std::string(request.target());
    keep_alive_ = request.keep_alive();
    if (request.method() == boost::beast::http::verb::get) {
      const bool known = path_ == "/healthz" && parser_->is_done();
      return known ? write(Status::ok, "ok\n") : refuse(Status::not_found, "GET is for /healthz\n");
    }
    if (request.method() != boost::beast::http::verb::post) {
      return refuse(Status::method_not_allowed, "POST, or GET /healthz\n");
    }
    const auto length = parser_->content_length();
    if (!length) return refuse(Status::length_required, "a Content-Length is required\n");
    if (*length > body_limit(path_)) return refuse(Status::payload_too_large, "the body is too large\n");
    lowest().expires_after(transfer_time(*length));
    boost::beast::http::async_read(stream_, buffer_, *parser_,
                                   [self = this->shared_from_this()](SocketError read_error, std::size_t) {
                                     self->on_body(read_error);
                                   });
  }

  void on_body(SocketError error) {
    if (error) return on_read_error(error);
    std::string body = std::move(parser_->get().body());
    parser_.reset();
    const std::uint64_t request = ++requests_;
    awaited_ = request;
    owner_->handle(path_, std::move(body),
                   [self = this->shared_from_this(), request](ProtocolServer::Reply reply) {
                     if (self->awaited_ != request || self->closed_) return;
                     self->awaited_ = 0;
                     self->write(static_cast<Status>(reply.status), std::move(reply.body));
                   });
  }

  void on_read_error(SocketError error) {
    const auto& http_errors =
        boost::beast::http::make_error_code(boost::beast::http::error::end_of_stream).category();
    if (error == boost::beast::http::error::end_of_stream || error.category() != http_errors) return close();
    if (error == boost::beast::http::error::body_limit) {
      return refuse(Status::payload_too_large, "the body is too large\n");
    }
    refuse(Status::bad_request, "this is not HTTP as it should be: " + error.message() + "\n");
  }

  // What follows on this connection cannot be told from the rest of the refused request: it is closed.
  void refuse(Status status, std::string body) {
    keep_alive_ = false;
    write(status, std::move(body));
  }

  void write(Status status, std::string body) {
    if (closed_) return;
    response_.emplace(status, 11);
    response_->set(boost::beast::http::field::content_type, "application/octet-stream");
    response_->keep_alive(keep_alive_);
    response_->body() = std::move(body);
    response_->prepare_payload();
    lowest().expires_after(transfer_time(response_->body().size()));
    boost::beast::http::async_write(stream_, *response_,
                                    [self = this->shared_from_this()](SocketError error, std::size_t) {
                                      self->response_.reset();
                                      if (error || !self->keep_alive_) return self->close();
                                      self->read_header();
                                    });
  }

  std::shared_ptr<ConnectionOwner> owner_;
  Stream stream_;
  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  std::optional<Response> response_;
  std::string path_;
  bool keep_alive_ = false;
  bool closed_ = false;
  std::uint64_t requests_ = 0;
  std::uint64_t awaited_ = 0;  // number of the request that waits for its reply; 0: none
};

}  // namespace parallelrun
