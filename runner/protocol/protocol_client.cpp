#include "runner/protocol/protocol_client.h"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <optional>
#include <utility>

#include "common/http/tls_context.h"
#include "runner/protocol/caller.h"
#include "runner/protocol/client_link.h"

namespace parallelrun {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;

using Executor = asio::io_context::executor_type;
using UnixSocket = asio::basic_stream_socket<asio::local::stream_protocol, Executor>;
using TcpSocket = asio::basic_stream_socket<asio::ip::tcp, Executor>;
using TlsStream = boost::beast::ssl_stream<TcpSocket>;

bool closed_by_peer(boost::system::error_code error) {
  return error == http::error::end_of_stream || error == asio::error::eof ||
         error == asio::error::connection_reset || error == asio::error::broken_pipe ||
         error == asio::ssl::error::stream_truncated;
}

}  // namespace

class ProtocolClient::Impl : public std::enable_shared_from_this<ProtocolClient::Impl> {
 public:
  Impl(asio::io_context& io, Options options, std::unique_ptr<asio::ssl::context> tls)
      : io_(io), options_(std::move(options)), tls_(std::move(tls)), timer_(io) {}

  void post(const std::string& path, std::string body, std::chrono::milliseconds timeout, Done done) {
    if (done_) {
      asio::post(io_, [done = std::move(done)] {
        done(Error{ErrorCode::kConflict, "a request is in flight on this connection already", false});
      });
      return;
    }
    done_ = std::move(done);
    timeout_ = timeout;
    ClientLink::Request request(http::verb::post, path, 11);
    request.set(http::field::host, host_header());
    if (!options_.agent.empty()) {
      request.set(http::field::authorization, authorization_of(options_.agent, options_.proof));
    }
    request.set(http::field::content_type, "application/octet-stream");
    request.body() = std::move(body);
    request.prepare_payload();
    const bool kept = link_ != nullptr;
    kept ? send(std::move(request), true) : connect(std::move(request));
  }

  void cancel() { fail(Error{ErrorCode::kAborted, "the request to " + name() + " was cancelled", true}); }

  void abandon() {
    done_ = nullptr;
    drop_link();
    timer_.cancel();
  }

  bool busy() const { return done_ != nullptr; }

 private:
  std::string name() const { return to_string(options_.endpoint); }
  std::string host_header() const {
    return options_.endpoint.kind == Endpoint::Kind::kUnix ? "localhost" : to_string(options_.endpoint);
  }

  std::shared_ptr<ClientLink> make_link() {
    if (options_.endpoint.kind == Endpoint::Kind::kUnix) {
      return std::make_shared<HttpLink<UnixSocket>>(options_.endpoint, "", false, io_.get_executor());
    }
    if (tls_ == nullptr) {
      return std::make_shared<HttpLink<TcpSocket>>(options_.endpoint, "", true, io_.get_executor());
    }
    const std::string& verified =
        options_.server_name.empty() ? options_.endpoint.host : options_.server_name;
    return std::make_shared<HttpLink<TlsStream>>(options_.endpoint, verified, false,
                                                 TcpSocket(io_.get_executor()), *tls_);
  }

  void connect(ClientLink::Request request) {
    link_ = make_link();
    start_timer(options_.connect_timeout, "no connection to ");
    link_->connect(
        [self = shared_from_this(), link = link_,
         kept = std::make_shared<ClientLink::Request>(std::move(request))](ClientLink::SocketError error) {
          if (self->link_ != link) return;
          if (error) return self->fail(self->describe("connecting to ", error));
          self->send(std::move(*kept), false);
        });
  }

  void send(ClientLink::Request request, bool on_kept_link) {
    start_timer(timeout_, "no reply from ");
    link_->exchange(std::move(request), options_.reply_limit,
                    [self = shared_from_this(), link = link_, on_kept_link](ClientLink::SocketError error,
                                                                            ClientLink::Response response) {
                      if (self->link_ != link) return;
                      if (error && on_kept_link && link->silent() && closed_by_peer(error)) {
                        self->drop_link();
                        return self->connect(link->take_request());
                      }
                      if (error) return self->fail(self->describe("talking to ", error));
                      self->succeed(std::move(response));
                    });
  }

  void start_timer(std::chrono::milliseconds time, const char* what) {
    timer_.expires_after(time);
    timer_.async_wait(
        [self = shared_from_this(), link = link_, time, what](ClientLink::SocketError cancelled) {
          if (cancelled || self->link_ != link || !self->done_) return;
          // A later timer may have been set while this handler waited for its turn.
          if (self->timer_.expiry() > asio::steady_timer::clock_type::now()) return;
          self->fail(Error{ErrorCode::kUnavailable,
                           what + self->name() + " within " + std::to_string(time.count()) + " ms", true});
        });
  }

  Error describe(const char* doing, ClientLink::SocketError error) const {
    const std::string what = doing + name() + " failed: ";
    if (error == http::error::body_limit ||
        error.category() == http::make_error_code(http::error::bad_version).category()) {
      const bool cut = error == http::error::end_of_stream || error == http::error::partial_message;
      return Error{cut ? ErrorCode::kUnavailable : ErrorCode::kCorrupt, what + error.message(), cut};
    }
    if (error == asio::error::access_denied && tls_ == nullptr &&
        options_.endpoint.kind == Endpoint::Kind::kTcp) {
      return Error{
          ErrorCode::kUnavailable,
          what +
              "it is another machine; give the TLS files, because without them only this machine is allowed",
          false};
    }
    if (error.category() == asio::error::get_ssl_category()) {
      return Error{ErrorCode::kUnavailable,
                   what + error.message() +
                       " (TLS: both certificates must come from this job's CA, and the orchestrator's "
                       "certificate must have the name of the connection)",
                   false};
    }
    return Error{ErrorCode::kUnavailable, what + error.message(), true};
  }

  void succeed(ClientLink::Response response) {
    timer_.cancel();
    if (!response.keep_alive()) drop_link();
    std::exchange(done_, nullptr)(Reply{response.result_int(), std::move(response.body())});
  }

  void fail(Error error) {
    timer_.cancel();
    drop_link();
    if (done_)
      asio::post(io_, [done = std::exchange(done_, nullptr), error = std::move(error)] { done(error); });
  }

  void drop_link() {
    if (link_) std::exchange(link_, nullptr)->close();
  }

  asio::io_context& io_;
  const Options options_;
  const std::unique_ptr<asio::ssl::context> tls_;
  asio::steady_timer timer_;
  std::shared_ptr<ClientLink> link_;  // connected, or about to be
  std::chrono::milliseconds timeout_{0};
  Done done_;  // set: a request is in flight
};

Result<std::unique_ptr<ProtocolClient>> ProtocolClient::create(asio::io_context& io, const Options& options) {
  std::unique_ptr<asio::ssl::context> tls;
  if (options.endpoint.kind == Endpoint::Kind::kTcp && options.tls.any()) {
    auto made = make_tls_context(TlsSide::kClient, options.tls);
    if (!made) return made.error();
    tls = std::move(*made);
  }
  return std::unique_ptr<ProtocolClient>(
      new ProtocolClient(std::make_shared<Impl>(io, options, std::move(tls))));
}

ProtocolClient::ProtocolClient(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
ProtocolClient::~ProtocolClient() { impl_->abandon(); }

void ProtocolClient::post(const std::string& path, std::string body, std::chrono::milliseconds timeout,
                          Done done) {
  impl_->post(path, std::move(body), timeout, std::move(done));
}
void ProtocolClient::cancel() { impl_->cancel(); }
bool ProtocolClient::busy() const { return impl_->busy(); }

}  // namespace parallelrun
