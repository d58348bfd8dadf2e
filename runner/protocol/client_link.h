// One connection of a client, from look-up to close. Internal to the room; one thread.
#pragma once

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "common/http/endpoint.h"

namespace parallelrun {

class ClientLink {
 public:
  using SocketError = boost::system::error_code;
  using Request = boost::beast::http::request<boost::beast::http::string_body>;
  using Response = boost::beast::http::response<boost::beast::http::string_body>;
  using Connected = std::function<void(SocketError)>;
  using Exchanged = std::function<void(SocketError, Response)>;

  virtual ~ClientLink() = default;
  virtual void connect(Connected connected) = 0;
  // Precondition: connected, and no exchange in flight.
  virtual void exchange(Request request, std::uint64_t reply_limit, Exchanged exchanged) = 0;
  // Pending operations end with an error.
  virtual void close() = 0;

  // The request of an exchange that failed, to be sent again.
  Request take_request() { return std::move(request_); }
  // Nothing of a reply has come since the exchange began.
  bool silent() const { return silent_; }

 protected:
  Request request_;
  bool silent_ = true;
};

// `Socket` is an asio socket; `Stream` the same, or TLS over it.
template <typename Stream>
class HttpLink final : public ClientLink, public std::enable_shared_from_this<HttpLink<Stream>> {
 public:
  using Executor = boost::asio::io_context::executor_type;
  using Socket = std::remove_reference_t<decltype(boost::beast::get_lowest_layer(std::declval<Stream&>()))>;
  using Protocol = typename Socket::protocol_type;
  static constexpr bool kTls = !std::is_same_v<Stream, Socket>;
  static constexpr bool kTcp = std::is_same_v<Protocol, boost::asio::ip::tcp>;

  // `verified_name`: what the server's certificate must hold (TLS).
  template <typename... StreamArguments>
  HttpLink(Endpoint endpoint, std::string verified_name, bool loopback_only, StreamArguments&&... arguments)
      : endpoint_(std::move(endpoint)),
        verified_name_(std::move(verified_name)),
        loopback_only_(loopback_only),
        stream_(std::forward<StreamArguments>(arguments)...) {}

  void connect(Connected connected) override {
    connected_ = std::move(connected);
    if constexpr (kTcp) {
      resolver_.emplace(socket().get_executor());
      resolver_->async_resolve(
          endpoint_.host, std::to_string(endpoint_.port), boost::asio::ip::tcp::resolver::numeric_service,
          [self = this->shared_from_this()](SocketError error, const Resolver::results_type& found) {
            if (error || self->closed_) return self->finish_connect(error ? error : aborted());
            self->connect_to(found);
          });
    } else {
      socket().async_connect(
          boost::asio::local::stream_protocol::endpoint(endpoint_.path),
          [self = this->shared_from_this()](SocketError error) { self->on_connected(error); });
    }
  }

  void exchange(Request request, std::uint64_t reply_limit, Exchanged exchanged) override {
    request_ = std::move(request);
    exchanged_ = std::move(exchanged);
    silent_ = true;
    parser_.emplace();
    parser_->body_limit(reply_limit);
    boost::beast::http::async_write(stream_, request_,
                                    [self = this->shared_from_this()](SocketError error, std::size_t) {
                                      if (error) return self->finish_exchange(error);
                                      self->read();
                                    });
  }

  void close() override {
    closed_ = true;
    if (resolver_) resolver_->cancel();
    SocketError ignored;
    socket().close(ignored);
  }

 private:
  using Resolver = boost::asio::ip::basic_resolver<boost::asio::ip::tcp, Executor>;
  using Parser = boost::beast::http::response_parser<boost::beast::http::string_body>;

  static SocketError aborted() { return boost::asio::error::operation_aborted; }
  Socket& socket() { return boost::beast::get_lowest_layer(stream_); }

  void connect_to(const Resolver::results_type& found) {
    if constexpr (kTcp) {
      for (const auto& entry : found) {
        if (loopback_only_ && !entry.endpoint().address().is_loopback()) {
          return finish_connect(boost::asio::error::access_denied);
        }
      }
      boost::asio::async_connect(
          socket(), found,
          [self = this->shared_from_this()](SocketError error, const boost::asio::ip::tcp::endpoint&) {
            if (!error) {
              SocketError ignored;
              self->socket().set_option(boost::asio::ip::tcp::no_delay(true), ignored);
            }
            self->on_connected(error);
          });
    }
  }

  void on_connected(SocketError error) {
    if (error || closed_) return finish_connect(error ? error : aborted());
    if constexpr (kTls) {
      if (!expect_name()) return finish_connect(boost::asio::error::invalid_argument);
      stream_.async_handshake(
          boost::asio::ssl::stream_base::client,
          [self = this->shared_from_this()](SocketError failed) { self->finish_connect(failed); });
    } else {
      finish_connect({});
    }
  }

  // OpenSSL's own check of the certificate against the name, done within the handshake.
  bool expect_name() {
    if constexpr (kTls) {
      SSL* ssl = stream_.native_handle();
      SocketError not_an_address;
      boost::asio::ip::make_address(verified_name_, not_an_address);
      if (!not_an_address) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), verified_name_.c_str()) == 1;
      }
      SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
      return SSL_set1_host(ssl, verified_name_.c_str()) == 1 &&
             SSL_set_tlsext_host_name(ssl, verified_name_.c_str()) == 1;
    }
    return true;
  }

  void read() {
    boost::beast::http::async_read(stream_, buffer_, *parser_,
                                   [self = this->shared_from_this()](SocketError error, std::size_t bytes) {
                                     self->silent_ = bytes == 0;
                                     self->finish_exchange(error);
                                   });
  }

  void finish_connect(SocketError error) { std::exchange(connected_, nullptr)(error); }
  void finish_exchange(SocketError error) {
    std::exchange(exchanged_, nullptr)(error, error ? Response() : parser_->release());
  }

  Endpoint endpoint_;
  std::string verified_name_;
  bool loopback_only_;
  Stream stream_;
  std::optional<Resolver> resolver_;
  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  Connected connected_;
  Exchanged exchanged_;
  bool closed_ = false;
};

}  // namespace parallelrun
