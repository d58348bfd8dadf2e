// One accepted connection: requests are read, handed on and answered one after the other. Internal to the
// room; one thread.
#pragma once

#include <algorithm>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <cstdio>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "common/http/body_budget.h"
#include "common/http/http_server.h"
#include "common/http/http_stream.h"
#include "common/http/peer_certificate.h"

namespace parallelrun {

class ServerConnection;

// What a connection asks of its server.
class ConnectionOwner {
 public:
  virtual const HttpServer::Options& options() const = 0;
  virtual void on_authenticated(ServerConnection& connection) = 0;
  // It may be said twice: when it is closed, and at the end of its life.
  virtual void on_closed(ServerConnection& connection) = 0;
  virtual BodyBudget& budget() = 0;
  // A POST whose header is whole.
  virtual HttpServer::Admission admit(const HttpServer::Header& header) = 0;
  // The body of a request begins. One of that name that is still being read is given up.
  virtual void on_body_begins(ServerConnection& connection, const std::string& one_at_a_time) = 0;
  virtual void on_body_read(ServerConnection& connection) = 0;
  virtual void handle(HttpServer::Header header, std::string body, HttpServer::ReplyTo reply) = 0;

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
        buffer_(owner_->options().methods.contains(HttpServer::Method::kPost)
                    ? kLargestRead
                    : limits().header_limit + kFewBytes) {}

  ~HttpConnection() override { owner_->on_closed(*this); }
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  void start() override {
    if constexpr (kTls) {
      lowest().expires_after(limits().handshake_timeout);
      stream_.async_handshake(boost::asio::ssl::stream_base::server,
                              [self = this->shared_from_this()](SocketError error) {
                                if (error) return self->close();
                                if constexpr (kTls)
                                  self->header_.peer = peer_certificate(self->stream_.native_handle());
                                self->owner_->on_authenticated(*self);
                                self->read_header();
                              });
    } else {
      owner_->on_authenticated(*this);
      read_header();
    }
  }

  void close() override {
    // What waits for room may be the last that keeps it.
    [[maybe_unused]] const auto kept = this->weak_from_this().lock();
    closed_ = true;
    awaited_ = 0;
    if (hold_) hold_->give_up_waiting();
    if (pieces_out_) std::exchange(pieces_out_, nullptr)->lose_reader();
    // No TLS close_notify: every message carries its length, so a cut cannot pass for an end.
    lowest().close();
    owner_->on_closed(*this);
  }

 private:
  // The header alone: the body is read as it comes, see body_budget.h.
  using Parser = boost::beast::http::request_parser<boost::beast::http::empty_body>;
  using Response = boost::beast::http::response<boost::beast::http::string_body>;
  using Status = boost::beast::http::status;
  using SocketError = boost::beast::error_code;
  using LowestLayer =
      std::remove_reference_t<decltype(boost::beast::get_lowest_layer(std::declval<Stream&>()))>;
  static constexpr bool kTls = !std::is_same_v<Stream, LowestLayer>;
  static constexpr unsigned kHttp11 = 11;
  static constexpr std::size_t kLargestRead = 256U << 10U;
  static constexpr std::size_t kFewBytes = 1U << 10U;
  static constexpr std::size_t kPiece = 1U << 20U;  // bodies are collected in pieces of so much
  static constexpr std::size_t kFirstPiece = 16U << 10U;

  LowestLayer& lowest() { return boost::beast::get_lowest_layer(stream_); }
  const HttpLimits& limits() const { return owner_->options().limits; }

  // Nothing: no server takes such a method.
  static std::optional<HttpServer::Method> method_of(boost::beast::http::verb verb) {
    switch (verb) {
      case boost::beast::http::verb::get:
        return HttpServer::Method::kGet;
      case boost::beast::http::verb::head:
        return HttpServer::Method::kHead;
      case boost::beast::http::verb::post:
        return HttpServer::Method::kPost;
      default:
        return std::nullopt;
    }
  }

  static const char* name_of(HttpServer::Method method) {
    switch (method) {
      case HttpServer::Method::kGet:
        return "GET";
      case HttpServer::Method::kHead:
        return "HEAD";
      case HttpServer::Method::kPost:
        return "POST";
    }
    return "";
  }

  // "GET, HEAD"
  std::string methods_taken() const {
    std::string names;
    for (const HttpServer::Method method : owner_->options().methods) {
      names.append(names.empty() ? "" : ", ").append(name_of(method));
    }
    return names;
  }

  std::chrono::milliseconds transfer_time(std::uint64_t bytes) const {
    return limits().transfer_timeout + std::chrono::seconds(bytes >> 20U);
  }

  std::uint64_t body_limit(const std::string& path) const {
    const auto found = limits().body_limits.find(path);
    return found == limits().body_limits.end() ? limits().body_limit : found->second;
  }

  std::uint64_t largest_body() const {
    std::uint64_t largest = limits().body_limit;
    for (const auto& [path, limit] : limits().body_limits) largest = std::max(largest, limit);
    return largest;
  }

  void read_header() {
    if (closed_) return;
    header_.method = HttpServer::Method::kGet;
    version_ = kHttp11;
    parser_.emplace();
    parser_->header_limit(limits().header_limit);
    parser_->body_limit(largest_body());
    // One deadline from here to the end of the header, however slowly it trickles in.
    lowest().expires_after(limits().idle_timeout);
    boost::beast::http::async_read_header(
        stream_, buffer_, *parser_,
        [self = this->shared_from_this()](SocketError error, std::size_t) { self->on_header(error); });
  }

  void on_header(SocketError error) {
    if (error) return on_read_error(error);
    const auto& request = parser_->get();
    header_.path = std::string(request.target());
    header_.authorization = std::string(request[boost::beast::http::field::authorization]);
    header_.host = std::string(request[boost::beast::http::field::host]);
    header_.content_type = std::string(request[boost::beast::http::field::content_type]);
    header_.others.clear();
    for (const std::string& name : owner_->options().other_fields) {
      if (request.count(name) > 0) header_.others[name] = std::string(request[name]);
    }
    keep_alive_ = request.keep_alive();
    version_ = request.version();
    const auto method = method_of(request.method());
    if (method) header_.method = *method;
    if (!method || !owner_->options().methods.contains(*method)) {
      return refuse(Status::method_not_allowed, "this server takes " + methods_taken() + "\n");
    }
    if (*method != HttpServer::Method::kPost) {
      if (!parser_->is_done()) return refuse(Status::bad_request, "a GET or HEAD has no body\n");
      return hand_on({});
    }
    on_post();
  }

  void on_post() {
    const auto length = parser_->content_length();
    if (!length) return refuse(Status::length_required, "a Content-Length is required\n");
    if (*length > body_limit(header_.path)) {
      return refuse(Status::payload_too_large, "the body is too large\n");
    }
    missing_ = *length;
    parser_.reset();
    lowest().expires_after(transfer_time(missing_));
    HttpServer::Admission admission = owner_->admit(header_);
    if (admission.refusal) {
      refusal_ = std::move(*admission.refusal);
      return pass_over_body();
    }
    hold_ = std::make_shared<BodyBudget::Hold>(owner_->budget());
    owner_->on_body_begins(*this, admission.one_at_a_time);
    collect_buffered();
  }

  // Of a request that is refused: the peer may be sending still, and would not read its answer before it has
  // sent everything.
  void pass_over_body() {
    const std::size_t there = std::min<std::uint64_t>(buffer_.size(), missing_);
    buffer_.consume(there);
    missing_ -= there;
    if (missing_ == 0) return write(std::exchange(refusal_, {}));
    stream_.async_read_some(buffer_.prepare(std::min<std::uint64_t>(missing_, kFirstPiece)),
                            [self = this->shared_from_this()](SocketError error, std::size_t bytes) {
                              if (error) return self->close();
                              self->buffer_.commit(bytes);
                              self->pass_over_body();
                            });
  }

  // What came with the header.
  void collect_buffered() {
    if (closed_) return;
    const std::size_t there = std::min<std::uint64_t>(buffer_.size(), missing_);
    if (!hold_->take(there, resumption(&HttpConnection::collect_buffered))) return wait_for_room();
    if (!append_piece(there)) return;
    const auto bytes = buffer_.data();
    std::memcpy(pieces_.back().data(), bytes.data(), there);
    buffer_.consume(there);
    missing_ -= there;
    pieces_.back().resize(there);
    collect();
  }

  void collect() {
    if (closed_) return;
    if (missing_ == 0) return on_body();
    const std::size_t next = std::min<std::uint64_t>(missing_, pieces_.size() < 2 ? kFirstPiece : kPiece);
    if (!hold_->take(next, resumption(&HttpConnection::collect))) return wait_for_room();
    if (append_piece(next)) fill(0);
  }

  // Fills the last piece from `filled` on. It is full only when so many bytes have come: a peer that sends
  // slowly has at most one piece that it does not fill.
  void fill(std::size_t filled) {
    std::string& piece = pieces_.back();
    stream_.async_read_some(boost::asio::buffer(piece.data() + filled, piece.size() - filled),
                            [self = this->shared_from_this(), filled](SocketError error, std::size_t bytes) {
                              if (error || self->closed_) return self->close();
                              self->missing_ -= bytes;
                              const std::size_t now = filled + bytes;
                              now < self->pieces_.back().size() ? self->fill(now) : self->collect();
                            });
  }

  // False: the machine has no memory for it, and the peer is told to come again.
  bool append_piece(std::size_t size) {
    try {
      pieces_.emplace_back(size, '\0');
      return true;
    } catch (const std::bad_alloc&) {
      out_of_memory();
      return false;
    }
  }

  void out_of_memory() {
    owner_->on_body_read(*this);
    pieces_.clear();
    hold_.reset();
    refusal_ = {.status = 503, .body = "there is no memory for this request now\n"};
    pass_over_body();
  }

  std::function<void()> resumption(void (HttpConnection::*next)()) {
    return [self = this->shared_from_this(), next] {
      if (self->closed_) return;
      self->lowest().expires_after(self->transfer_time(self->missing_));
      ((*self).*next)();
    };
  }

  // It is not the peer that is slow. A peer that goes away meanwhile is found out when it is read again.
  void wait_for_room() { lowest().expires_never(); }

  void on_body() {
    owner_->on_body_read(*this);
    std::string body;
    try {
      if (pieces_.size() == 1) {
        body = std::move(pieces_.front());
      } else {
        std::size_t size = 0;
        for (const std::string& piece : pieces_) size += piece.size();
        body.reserve(size);
        for (; !pieces_.empty(); pieces_.pop_front()) body += pieces_.front();
      }
    } catch (const std::bad_alloc&) {
      return out_of_memory();
    }
    pieces_.clear();
    hand_on(std::move(body));
  }

  void hand_on(std::string body) {
    const std::uint64_t request = ++requests_;
    awaited_ = request;
    owner_->handle(header_, std::move(body),
                   [self = this->shared_from_this(), request,
                    hold = std::exchange(hold_, nullptr)](HttpServer::Reply reply) {
                     if (self->awaited_ != request || self->closed_) return;
                     self->awaited_ = 0;
                     self->write(std::move(reply));
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
  void refuse(Status status, const std::string& body) {
    write({.status = static_cast<unsigned>(status), .body = body, .close = true});
  }

  void write(HttpServer::Reply reply) {
    if (closed_) return;
    if (reply.stream && header_.method != HttpServer::Method::kHead) return write_pieces(reply);
    if (reply.close || reply.stream) keep_alive_ = false;
    response_.emplace(static_cast<Status>(reply.status), version_);
    set_fields(reply);
    response_->keep_alive(keep_alive_);
    response_->content_length(reply.body.size());
    if (header_.method != HttpServer::Method::kHead) response_->body() = std::move(reply.body);
    lowest().expires_after(transfer_time(response_->body().size()));
    boost::beast::http::async_write(stream_, *response_,
                                    [self = this->shared_from_this()](SocketError error, std::size_t) {
                                      self->response_.reset();
                                      if (error || !self->keep_alive_) return self->close();
                                      self->read_header();
                                    });
  }

  void set_fields(const HttpServer::Reply& reply) {
    for (const auto& [name, value] : owner_->options().headers) response_->set(name, value);
    for (const auto& [name, value] : reply.headers) response_->set(name, value);
    response_->set(boost::beast::http::field::content_type, reply.content_type);
    if (reply.status == static_cast<unsigned>(Status::method_not_allowed)) {
      response_->set(boost::beast::http::field::allow, methods_taken());
    }
  }

  // A reply that comes piece by piece, with a deadline for each piece. HTTP/1.0 knows no chunks: there the
  // end of the connection is its end.
  void write_pieces(const HttpServer::Reply& reply) {
    pieces_out_ = reply.stream;
    response_.emplace(static_cast<Status>(reply.status), version_);
    set_fields(reply);
    response_->keep_alive(false);
    if (version_ >= kHttp11) response_->chunked(true);
    serializer_.emplace(*response_);
    lowest().expires_after(limits().transfer_timeout);
    boost::beast::http::async_write_header(stream_, *serializer_,
                                           [self = this->shared_from_this()](SocketError error, std::size_t) {
                                             if (error || self->closed_) return self->close();
                                             self->begin_pieces();
                                           });
  }

  void begin_pieces() {
    // Weak: whoever keeps the stream must not keep the connection.
    pieces_out_->attach([weak = this->weak_from_this()] {
      if (const auto self = weak.lock()) self->send_piece();
    });
    // A peer has nothing to say until the end. So this ends when it leaves, or breaks the rules.
    lowest().expires_never();
    stream_.async_read_some(boost::asio::buffer(&said_meanwhile_, 1),
                            [self = this->shared_from_this()](SocketError, std::size_t) { self->close(); });
    send_piece();
  }

  void send_piece() {
    if (closed_ || !pieces_out_) return;
    if (pieces_out_->lost()) return close();
    if (!piece_out_.empty()) return;
    const std::string bytes = pieces_out_->take();
    const bool last = bytes.empty() && pieces_out_->ended();
    if (bytes.empty() && !last) return;
    if (version_ < kHttp11) {
      if (last) return close();
      piece_out_ = bytes;
    } else {
      char size[24];
      std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
      piece_out_ = size + bytes + "\r\n";
    }
    lowest().expires_after(transfer_time(piece_out_.size()));
    boost::asio::async_write(stream_, boost::asio::buffer(piece_out_),
                             [self = this->shared_from_this(), last](SocketError error, std::size_t) {
                               self->piece_out_.clear();
                               if (error || last) return self->close();
                               self->send_piece();
                             });
  }

  std::shared_ptr<ConnectionOwner> owner_;
  Stream stream_;
  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  std::optional<Response> response_;
  std::optional<boost::beast::http::response_serializer<boost::beast::http::string_body>> serializer_;
  std::shared_ptr<HttpStream> pieces_out_;  // the reply that comes piece by piece
  std::string piece_out_;                   // of it, being written
  char said_meanwhile_ = 0;
  HttpServer::Header header_;
  unsigned version_ = kHttp11;
  std::uint64_t missing_ = 0;  // bytes of the body that are still to come
  std::deque<std::string> pieces_;
  std::shared_ptr<BodyBudget::Hold> hold_;  // of the body that is being read
  HttpServer::Reply refusal_;
  bool keep_alive_ = false;
  bool closed_ = false;
  std::uint64_t requests_ = 0;
  std::uint64_t awaited_ = 0;  // number of the request that waits for its reply; 0: none
};

}  // namespace parallelrun
