// What the server does for all its users; what each of them builds on it stands in tests/unit/protocol and
// tests/unit/controller.
#include "common/http/http_server.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/http/http_stream.h"

namespace parallelrun {
namespace {

using boost::asio::ip::tcp;
using Method = HttpServer::Method;

// Long enough for the slowest machine; nothing waits for it to pass.
constexpr std::chrono::seconds kPatience{120};

class Http : public testing::Test {
 protected:
  void listen(HttpServer::Options options, HttpServer::Handler handler, HttpServer::Admit admit = {}) {
    options.endpoint = parse_endpoint("127.0.0.1:0").value();
    auto made = HttpServer::listen(io_, std::move(options), std::move(admit), std::move(handler));
    ASSERT_TRUE(made.ok()) << made.error().message;
    server_ = std::move(made).value();
  }
  void listen(std::set<Method> methods) {
    HttpServer::Options options;
    options.methods = std::move(methods);
    listen(std::move(options), echo());
  }
  static HttpServer::Handler echo() {
    return [](const HttpServer::Header& header, const std::string& body, const HttpServer::ReplyTo& reply) {
      reply({.body = header.path + "|" + body});
    };
  }

  bool run_until(const std::function<bool()>& condition) {
    const auto give_up = std::chrono::steady_clock::now() + kPatience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > give_up) return false;
      io_.restart();
      io_.run_one_for(std::chrono::milliseconds(20));
    }
    return true;
  }

  // A client's socket, connected; all sockets live on one loop.
  tcp::socket connect() {
    tcp::socket socket(io_);
    socket.connect({boost::asio::ip::address_v4::loopback(), server_->endpoint().port});
    return socket;
  }
  static void send(tcp::socket& socket, const std::string& text) {
    boost::asio::write(socket, boost::asio::buffer(text));
  }
  // All that comes until the server closes.
  std::string drain(tcp::socket& socket) {
    std::string all;
    bool ended = false;
    boost::asio::async_read(socket, boost::asio::dynamic_buffer(all),
                            [&ended](boost::system::error_code, std::size_t) { ended = true; });
    EXPECT_TRUE(run_until([&ended] { return ended; })) << "the connection stays open after: " << all;
    return all;
  }
  std::string say(const std::string& request) {
    auto socket = connect();
    send(socket, request);
    return drain(socket);
  }

  boost::asio::io_context io_;
  std::unique_ptr<HttpServer> server_;
};

std::string head_of(const std::string& answer) { return answer.substr(0, answer.find("\r\n\r\n")); }
std::string body_of(const std::string& answer) { return answer.substr(answer.find("\r\n\r\n") + 4); }

TEST_F(Http, MethodsThatAreNotTakenAreRefusedWithThoseThatAre) {
  listen({Method::kGet, Method::kPost});
  const std::string refused = say("DELETE /a HTTP/1.1\r\n\r\n");
  EXPECT_NE(head_of(refused).find("405"), std::string::npos) << refused;
  EXPECT_NE(head_of(refused).find("Allow: GET, POST"), std::string::npos) << refused;
  EXPECT_EQ(body_of(refused), "this server takes GET, POST\n");
  const std::string head = say("HEAD /a HTTP/1.1\r\n\r\n");
  EXPECT_NE(head_of(head).find("405"), std::string::npos) << head;
  EXPECT_EQ(body_of(head), "") << "a reply to HEAD has no body";
}

TEST_F(Http, HeadGetsTheLengthAlone) {
  listen({Method::kGet, Method::kHead});
  const std::string answer = say("HEAD /abc HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_NE(head_of(answer).find("Content-Length: 5"), std::string::npos) << answer;
  EXPECT_EQ(body_of(answer), "");
}

TEST_F(Http, RequestsOfOneConnectionAreAnsweredInOrder) {
  listen({Method::kGet, Method::kPost});
  const std::string answers =
      say("GET /1 HTTP/1.1\r\n\r\nPOST /2 HTTP/1.1\r\nContent-Length: 1\r\n\r\nxGET /3 HTTP/1.0\r\n\r\n");
  const std::size_t first = answers.find("/1|");
  const std::size_t second = answers.find("/2|x");
  const std::size_t third = answers.find("/3|");
  ASSERT_NE(third, std::string::npos) << answers;
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
}

TEST_F(Http, GetWithABodyIsRefusedAndWhatFollowsIsNotRead) {
  listen({Method::kGet});
  const std::string answer = say("GET /a HTTP/1.1\r\nContent-Length: 20\r\n\r\nGET /b HTTP/1.1\r\n\r\n");
  EXPECT_NE(head_of(answer).find("400"), std::string::npos) << answer;
  EXPECT_EQ(answer.find("/b|"), std::string::npos) << answer;
}

TEST_F(Http, BodiesHaveALimitForEachPath) {
  HttpServer::Options options;
  options.methods = {Method::kPost};
  options.limits.body_limit = 3;
  options.limits.body_limits = {{"/large", 5}};
  listen(std::move(options), echo());
  const auto post = [](const std::string& path, const std::string& body) {
    return "POST " + path + " HTTP/1.0\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  };
  EXPECT_EQ(body_of(say(post("/a", "123"))), "/a|123");
  EXPECT_NE(say(post("/a", "1234")).find("413"), std::string::npos);
  EXPECT_EQ(body_of(say(post("/large", "12345"))), "/large|12345");
  EXPECT_NE(say(post("/large", "123456")).find("413"), std::string::npos);
}

TEST_F(Http, WhenFullTheNewestOrTheOldestGoes) {
  for (const auto when_full : {HttpServer::WhenFull::kRefuseNewest, HttpServer::WhenFull::kCloseOldest}) {
    HttpServer::Options options;
    options.when_full = when_full;
    options.limits.max_connections = 2;
    listen(std::move(options), echo());
    std::vector<tcp::socket> peers;
    peers.push_back(connect());
    ASSERT_TRUE(run_until([this] { return server_->connections() == 1; }));
    peers.push_back(connect());
    ASSERT_TRUE(run_until([this] { return server_->connections() == 2; }));
    peers.push_back(connect());
    const bool oldest = when_full == HttpServer::WhenFull::kCloseOldest;
    EXPECT_EQ(drain(peers[oldest ? 0 : 2]), "");
    EXPECT_EQ(server_->connections(), 2U);
    for (const std::size_t served :
         oldest ? std::vector<std::size_t>{1, 2} : std::vector<std::size_t>{0, 1}) {
      send(peers[served], "GET /a HTTP/1.0\r\n\r\n");
      EXPECT_EQ(body_of(drain(peers[served])), "/a|") << served;
    }
  }
}

TEST_F(Http, ALaterBodyOfTheSameNameEndsTheEarlier) {
  HttpServer::Options options;
  options.methods = {Method::kPost};
  listen(std::move(options), echo(), [](const HttpServer::Header& header) {
    HttpServer::Admission admission;
    admission.one_at_a_time = header.authorization;
    return admission;
  });
  const std::string half = "POST /a HTTP/1.0\r\nAuthorization: me\r\nContent-Length: 4\r\n\r\nab";
  auto first = connect();
  send(first, half);
  ASSERT_TRUE(run_until([this] { return server_->bytes_held() > 0; }));
  EXPECT_EQ(body_of(say(half + "cd")), "/a|abcd");
  EXPECT_EQ(drain(first), "");
}

TEST_F(Http, ARefusedBodyIsPassedOverAndTheConnectionGoesOn) {
  HttpServer::Options options;
  options.methods = {Method::kPost};
  listen(std::move(options), echo(), [](const HttpServer::Header& header) {
    HttpServer::Admission admission;
    if (header.path == "/no") admission.refusal = HttpServer::Reply{.status = 403, .body = "no\n"};
    return admission;
  });
  const std::string answers =
      say("POST /no HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
          "POST /yes HTTP/1.0\r\nContent-Length: 3\r\n\r\ndef");
  EXPECT_NE(answers.find("403"), std::string::npos) << answers;
  EXPECT_NE(answers.find("/yes|def"), std::string::npos) << answers;
}

TEST_F(Http, AReplyThatIsDroppedOrSaysSoClosesTheConnection) {
  listen(HttpServer::Options{},
         [](const HttpServer::Header& header, const std::string&, const HttpServer::ReplyTo& reply) {
           if (header.path == "/close") reply({.body = "bye", .close = true});
         });
  EXPECT_EQ(say("GET /dropped HTTP/1.1\r\n\r\n"), "");
  const std::string answer = say("GET /close HTTP/1.1\r\n\r\nGET /close HTTP/1.1\r\n\r\n");
  EXPECT_EQ(body_of(answer), "bye") << "the second request is not answered";
  EXPECT_NE(head_of(answer).find("Connection: close"), std::string::npos) << answer;
}

TEST_F(Http, FieldsOfTheRequestAreHandedOnAndThoseOfTheReplySent) {
  HttpServer::Options options;
  options.headers = {{"X-Always", "here"}};
  listen(std::move(options),
         [](const HttpServer::Header& header, const std::string&, const HttpServer::ReplyTo& reply) {
           reply({.body = header.host + "|" + header.content_type, .headers = {{"X-Once", "there"}}});
         });
  const std::string answer = say("GET /a?b=c HTTP/1.0\r\nHost: a.b:1\r\nContent-Type: text/x\r\n\r\n");
  EXPECT_EQ(body_of(answer), "a.b:1|text/x");
  EXPECT_NE(head_of(answer).find("X-Always: here"), std::string::npos) << answer;
  EXPECT_NE(head_of(answer).find("X-Once: there"), std::string::npos) << answer;
  EXPECT_NE(say("DELETE / HTTP/1.0\r\n\r\n").find("X-Always: here"), std::string::npos)
      << "the server's own refusals have them too";
}

// A reply piece by piece, and the far end of it.
class HttpPieces : public Http {
 protected:
  void listen_for_streams(std::size_t most_waiting, std::chrono::milliseconds patience = kPatience) {
    HttpServer::Options options;
    options.limits.transfer_timeout = patience;
    listen(std::move(options), [this, most_waiting](const HttpServer::Header&, const std::string&,
                                                    const HttpServer::ReplyTo& reply) {
      stream_ = std::make_shared<HttpStream>(most_waiting);
      reply({.body = "", .content_type = "text/event-stream", .stream = stream_});
    });
  }
  std::shared_ptr<HttpStream> stream_;
};

TEST_F(HttpPieces, ComeInChunksAndTheEndClosesTheConnection) {
  listen_for_streams(1000);
  auto peer = connect();
  send(peer, "GET /a HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(run_until([this] { return stream_ != nullptr; }));
  EXPECT_TRUE(stream_->send("first"));
  std::string answer;
  ASSERT_TRUE(run_until([&peer, &answer] {
    std::string some(peer.available(), '\0');
    boost::asio::read(peer, boost::asio::buffer(some));
    answer += some;
    return answer.ends_with("first\r\n");
  })) << "a piece is sent as soon as it is there";
  EXPECT_TRUE(stream_->send("second"));
  EXPECT_TRUE(stream_->send("!"));
  stream_->end();
  EXPECT_FALSE(stream_->send("too late"));
  answer += drain(peer);
  EXPECT_NE(head_of(answer).find("Transfer-Encoding: chunked"), std::string::npos) << answer;
  EXPECT_NE(head_of(answer).find("text/event-stream"), std::string::npos) << answer;
  EXPECT_TRUE(body_of(answer).starts_with("5\r\nfirst\r\n")) << answer;
  EXPECT_TRUE(answer.ends_with("second!\r\n0\r\n\r\n") || answer.ends_with("!\r\n0\r\n\r\n")) << answer;
}

TEST_F(HttpPieces, OfHttp10EndWithTheConnection) {
  listen_for_streams(1000);
  auto peer = connect();
  send(peer, "GET /a HTTP/1.0\r\n\r\n");
  ASSERT_TRUE(run_until([this] { return stream_ != nullptr; }));
  stream_->send("first");
  stream_->end();
  EXPECT_EQ(body_of(drain(peer)), "first");
}

TEST_F(HttpPieces, WhoDoesNotReadIsDroppedAndHoldsABoundedNumberOfBytes) {
  listen_for_streams(64 << 10);
  auto peer = connect();
  send(peer, "GET /a HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(run_until([this] { return stream_ != nullptr; }));
  const std::string piece(16 << 10, 'x');
  std::size_t sent = 0;
  while (stream_->send(piece)) {
    ASSERT_LT(++sent, 100'000U) << "nothing bounds what waits";
    io_.restart();
    io_.poll();
  }
  EXPECT_FALSE(stream_->open());
  EXPECT_TRUE(run_until([this] { return server_->connections() == 0; }));
}

TEST_F(HttpPieces, WhoReadsNothingForTooLongIsDropped) {
  listen_for_streams(std::size_t{64} << 20U, std::chrono::milliseconds(50));
  auto peer = connect();
  send(peer, "GET /a HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(run_until([this] { return stream_ != nullptr; }));
  // More than the kernel takes, but less than what gives a second of time.
  for (int i = 0; i < 63; ++i) stream_->send(std::string(16 << 10, 'x'));
  for (int i = 0; i < 8; ++i) {
    io_.restart();
    io_.run_for(std::chrono::milliseconds(10));
    stream_->send(std::string(1000 << 10, 'x'));
  }
  EXPECT_TRUE(run_until([this] { return !stream_->open(); }));
}

TEST_F(HttpPieces, WhoLeavesIsForgottenAtOnce) {
  listen_for_streams(1000);
  {
    auto peer = connect();
    send(peer, "GET /a HTTP/1.1\r\n\r\n");
    ASSERT_TRUE(run_until([this] { return stream_ != nullptr; }));
    stream_->send("first");
    ASSERT_TRUE(run_until([&peer] { return peer.available() > 0; }));
  }
  EXPECT_TRUE(run_until([this] { return server_->connections() == 0; }));
  EXPECT_FALSE(stream_->open());
  EXPECT_FALSE(stream_->send("nobody"));
}

TEST_F(HttpPieces, TheServerMayEndBeforeThem) {
  listen_for_streams(1000);
  auto peer = connect();
  send(peer, "GET /a HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(run_until([this] { return stream_ != nullptr; }));
  stream_->send("first");
  server_.reset();
  EXPECT_FALSE(stream_->open());
  io_.restart();
  io_.poll();
}

}  // namespace
}  // namespace parallelrun
