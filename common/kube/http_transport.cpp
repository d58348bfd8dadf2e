#include "common/kube/http_transport.h"

#include <cpprest/http_client.h>
#include <openssl/ssl.h>
#include <pplx/threadpool.h>

#include <atomic>
#include <boost/asio/ssl.hpp>
#include <future>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "common/kube/line_buffer.h"
#include "common/kube/url.h"

namespace parallelrun::kube {
namespace {

namespace http = web::http;
using http::client::http_client;
using http::client::http_client_config;

// Error bodies are quoted in part only; what is longer is not kept.
constexpr std::size_t kLongestErrorBody = 64 * 1024;
// The client's own timer runs between two reads; ours bounds the whole exchange and is always the shorter
// one.
constexpr std::chrono::hours kNoIdleLimit{24};

// A write-only stream buffer that hands bytes on as they arrive.
class PushBuffer final : public concurrency::streams::details::streambuf_state_manager<std::uint8_t> {
 public:
  using Receiver = std::function<bool(std::string_view)>;
  explicit PushBuffer(Receiver receiver)
      : streambuf_state_manager(std::ios_base::out), receiver_(std::move(receiver)) {}

  bool can_seek() const override { return false; }
  bool has_size() const override { return false; }
  std::size_t buffer_size(std::ios_base::openmode) const override { return 0; }
  void set_buffer_size(std::size_t, std::ios_base::openmode) override {}
  std::size_t in_avail() const override { return 0; }
  pos_type getpos(std::ios_base::openmode) const override { return traits::eof(); }
  pos_type seekpos(pos_type, std::ios_base::openmode) override { return traits::eof(); }
  pos_type seekoff(off_type, std::ios_base::seekdir, std::ios_base::openmode) override {
    return traits::eof();
  }
  bool acquire(std::uint8_t*&, std::size_t&) override { return false; }
  void release(std::uint8_t*, std::size_t) override {}

 protected:
  pplx::task<int_type> _putc(std::uint8_t byte) override {
    const char text = static_cast<char>(byte);
    return pplx::task_from_result<int_type>(receiver_({&text, 1}) ? byte : traits::eof());
  }
  pplx::task<std::size_t> _putn(const std::uint8_t* bytes, std::size_t count) override {
    if (receiver_({reinterpret_cast<const char*>(bytes), count})) {
      return pplx::task_from_result<std::size_t>(count);
    }
    // Only an exception ends a response early; a count of 0 is not looked at.
    return pplx::task_from_exception<std::size_t>(std::runtime_error("the receiver needs no more"));
  }
  pplx::task<int_type> _bumpc() override { return nothing(); }
  int_type _sbumpc() override { return traits::eof(); }
  pplx::task<int_type> _getc() override { return nothing(); }
  int_type _sgetc() override { return traits::eof(); }
  pplx::task<int_type> _nextc() override { return nothing(); }
  pplx::task<int_type> _ungetc() override { return nothing(); }
  pplx::task<std::size_t> _getn(std::uint8_t*, std::size_t) override {
    return pplx::task_from_result<std::size_t>(0);
  }
  std::size_t _scopy(std::uint8_t*, std::size_t) override { return 0; }
  pplx::task<bool> _sync() override { return pplx::task_from_result(true); }
  std::uint8_t* _alloc(std::size_t) override { return nullptr; }
  void _commit(std::size_t) override {}

 private:
  static pplx::task<int_type> nothing() { return pplx::task_from_result<int_type>(traits::eof()); }

  Receiver receiver_;
};

ApiError failed(ApiFailure failure, std::string message) {
  ApiError error;
  error.failure = failure;
  error.message = std::move(message);
  return error;
}

void size_pool_once(std::size_t threads) {
  static std::once_flag sized;
  // Throws if somebody used the pool before, whose size then stays.
  std::call_once(sized, [&] {
    try {
      crossplat::threadpool::initialize_with_threads(threads);
    } catch (const std::runtime_error&) {  // NOLINT(bugprone-empty-catch): the pool works in any size
    }
  });
}

void trust_only(boost::asio::ssl::context& context, const std::string& ca_pem) {
  // The context comes with the system's authorities, none of which may vouch for a cluster that names its
  // own.
  SSL_CTX_set_cert_store(context.native_handle(), X509_STORE_new());
  context.add_certificate_authority(boost::asio::buffer(ca_pem));
}

web::web_proxy proxy_of(const std::string& text) {
  const auto url = parse_url(text);
  if (!url || url->scheme != "http")
    throw std::runtime_error("the proxy's URL is not of the form http://HOST:PORT");
  web::web_proxy proxy(web::uri("http://" + url->host + ":" + std::to_string(url->port_or_default())));
  if (!url->user.empty()) proxy.set_credentials(web::credentials(url->user, url->password));
  return proxy;
}

http_client_config config_of(const ClusterAddress& address, const Credential& credential) {
  http_client_config config;
  config.set_timeout(kNoIdleLimit);
  config.set_max_redirects(0);
  config.set_validate_certificates(!address.skip_verify);
  if (!address.proxy_url.empty()) config.set_proxy(proxy_of(address.proxy_url));
  config.set_ssl_context_callback([address, credential](boost::asio::ssl::context& context) {
    SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
    if (!address.ca_pem.empty()) trust_only(context, address.ca_pem);
    if (credential.certificate_pem.empty()) return;
    context.use_certificate_chain(boost::asio::buffer(credential.certificate_pem));
    context.use_private_key(boost::asio::buffer(credential.key_pem), boost::asio::ssl::context::pem);
  });
  return config;
}

http::http_request message_of(const Request& request, const std::string& token,
                              const std::string& server_name) {
  web::uri_builder uri;
  uri.set_path(request.path);
  for (const auto& [name, value] : request.query) {
    uri.append_query(web::uri::encode_data_string(name) + "=" + web::uri::encode_data_string(value), false);
  }
  http::http_request message(request.method);
  message.set_request_uri(uri.to_uri());
  if (!request.body.empty()) message.set_body(request.body, "application/json");
  for (const auto& [name, value] : request.headers) message.headers()[name] = value;
  if (!token.empty()) message.headers()["Authorization"] = "Bearer " + token;
  // cpprestsdk takes the name for SNI and for the certificate's check from this header.
  if (!server_name.empty()) message.headers()["Host"] = server_name;
  return message;
}

// Runs one task to its end, which comes soon after the deadline or a stop at the latest. The continuation
// observes the failure, without which the process would end.
template <typename Start>
ApiResult<Response> run(std::chrono::milliseconds timeout, const std::stop_token& stop, const Start& start) {
  if (stop.stop_requested()) return failed(ApiFailure::kStopped, "the request was cancelled");
  pplx::cancellation_token_source cancel;
  const std::stop_callback on_stop(stop, [cancel] { cancel.cancel(); });
  auto done = std::make_shared<std::promise<Response>>();
  auto outcome = done->get_future();
  try {
    start(cancel.get_token()).then([done](const pplx::task<Response>& task) {
      try {
        done->set_value(task.get());
      } catch (...) {
        done->set_exception(std::current_exception());
      }
    });
    const bool late = outcome.wait_for(timeout) == std::future_status::timeout;
    if (late) cancel.cancel();
    try {
      return outcome.get();
    } catch (const std::exception& problem) {
      if (stop.stop_requested()) return failed(ApiFailure::kStopped, "the request was cancelled");
      if (late) {
        return failed(ApiFailure::kUnreachable,
                      "no answer within " + std::to_string(timeout.count()) + " ms");
      }
      return failed(ApiFailure::kUnreachable, problem.what());
    }
  } catch (const std::exception& problem) {
    return failed(ApiFailure::kUnreachable, problem.what());
  }
}

std::string retry_after_of(const http::http_response& response) {
  const auto found = response.headers().find("Retry-After");
  return found == response.headers().end() ? std::string() : found->second;
}

// What a stream received so far. Shared by its pool thread and the caller.
struct StreamProgress {
  explicit StreamProgress(std::size_t longest_line) : lines(longest_line) {}
  LineBuffer lines;
  std::string held;  // bytes that came before the status was known, or the body of a failure
  std::atomic<int> status{0};
  bool sink_ended = false;
  std::mutex mutex;
};

bool successful(int status) { return status >= 200 && status <= 299; }

class HttpTransport final : public Transport {
 public:
  HttpTransport(ClusterAddress address, std::shared_ptr<CredentialSource> credentials,
                HttpTransportOptions options)
      : address_(std::move(address)), credentials_(std::move(credentials)), options_(options) {
    size_pool_once(options_.pool_threads);
    const auto url = parse_url(address_.url);
    if (!url || (url->scheme != "https" && url->scheme != "http")) {
      throw std::runtime_error("server \"" + address_.url + "\": not of the form https://HOST[:PORT]");
    }
    // With the port always, which cpprestsdk's CONNECT to a proxy would otherwise lack.
    address_.url = url->text();
    if (!address_.proxy_url.empty()) (void)proxy_of(address_.proxy_url);
  }

  ApiResult<Response> send(const Request& request, const std::stop_token& stop) override {
    auto session = open();
    if (!session.ok()) return session.error();
    auto result = run(request.timeout, stop, [&](const pplx::cancellation_token& token) {
      return session->client->request(message_of(request, session->token, address_.tls_server_name), token)
          .then([](const http::http_response& response) {
            return response.extract_utf8string(true).then([response](const std::string& body) {
              return Response{response.status_code(), retry_after_of(response), body};
            });
          });
    });
    note(result);
    return result;
  }

  ApiResult<Response> stream(const Request& request, const LineSink& sink,
                             const std::stop_token& stop) override {
    auto session = open();
    if (!session.ok()) return session.error();
    auto progress = std::make_shared<StreamProgress>(options_.longest_line);
    const auto buffer = std::make_shared<PushBuffer>(
        [progress, &sink](std::string_view bytes) { return receive(*progress, sink, bytes); });
    auto message = message_of(request, session->token, address_.tls_server_name);
    message.set_response_stream(
        concurrency::streams::ostream(concurrency::streams::streambuf<std::uint8_t>(buffer)));
    auto result = run(request.timeout, stop, [&](const pplx::cancellation_token& token) {
      return session->client->request(message, token)
          .then([progress, &sink, &request](const http::http_response& response) {
            progress->status = response.status_code();
            open_stream(*progress, request);
            // What came before the head was known to us is dealt with even if nothing follows.
            (void)receive(*progress, sink, {});
            return response.content_ready().then([](const http::http_response& whole) {
              return Response{whole.status_code(), retry_after_of(whole), ""};
            });
          });
    });
    const std::lock_guard lock(progress->mutex);
    // `sink` is the caller's: whatever the pool still holds of this response finds it gone.
    const bool sink_ended = std::exchange(progress->sink_ended, true);
    if (progress->lines.overflowed()) {
      return failed(ApiFailure::kMalformed, "a watch line is longer than the allowed size");
    }
    if (sink_ended) return Response{progress->status, "", ""};
    if (result.ok() && !successful(result->status)) result->body = progress->held;
    note(result);
    return result;
  }

 private:
  struct Session {
    std::shared_ptr<http_client> client;
    std::string token;
  };

  static void open_stream(StreamProgress& progress, const Request& request) {
    const std::lock_guard lock(progress.mutex);
    if (!progress.sink_ended && successful(progress.status) && request.opened) request.opened();
  }

  // False ends the stream: a write that takes nothing fails the response.
  static bool receive(StreamProgress& progress, const LineSink& sink, std::string_view bytes) {
    const std::lock_guard lock(progress.mutex);
    if (progress.sink_ended) return false;
    if (!successful(progress.status)) {
      if (progress.status == 0 || progress.held.size() < kLongestErrorBody) progress.held.append(bytes);
      return true;
    }
    const bool go_on =
        (progress.held.empty() || progress.lines.push(std::exchange(progress.held, {}), sink)) &&
        progress.lines.push(bytes, sink);
    if (!go_on) progress.sink_ended = true;
    return go_on;
  }

  // A client certificate is part of the connections, so a new one means new connections; a token is not.
  ApiResult<Session> open() {
    auto credential = credentials_->current(std::chrono::steady_clock::now());
    if (!credential.ok()) return failed(ApiFailure::kUnauthorized, credential.error().message);
    const std::lock_guard lock(mutex_);
    if (!client_ || credential->certificate_pem != used_.certificate_pem ||
        credential->key_pem != used_.key_pem) {
      try {
        client_ = std::make_shared<http_client>(web::uri(address_.url), config_of(address_, *credential));
      } catch (const std::exception& problem) {
        return failed(ApiFailure::kUnreachable, "server \"" + address_.url + "\": " + problem.what());
      }
      used_ = *credential;
    }
    return Session{client_, credential->token};
  }

  void note(const ApiResult<Response>& result) {
    if (result.ok() && result.value().status == 401) credentials_->rejected();
  }

  ClusterAddress address_;  // not changed after construction
  const std::shared_ptr<CredentialSource> credentials_;
  const HttpTransportOptions options_;
  std::mutex mutex_;
  std::shared_ptr<http_client> client_;
  Credential used_;
};

}  // namespace

std::unique_ptr<Transport> make_http_transport(ClusterAddress address,
                                               std::shared_ptr<CredentialSource> credentials,
                                               HttpTransportOptions options) {
  return std::make_unique<HttpTransport>(std::move(address), std::move(credentials), options);
}

}  // namespace parallelrun::kube
