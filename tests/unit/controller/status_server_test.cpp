#include "operator/metrics/status_server.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <thread>
#include <vector>

namespace parallelrun::op {
namespace {

using boost::asio::ip::tcp;
using namespace std::chrono_literals;

// A server on a thread of its own that says which path was asked for.
class Running {
 public:
  explicit Running(StatusServer::Options options) {
    auto made = StatusServer::listen(io_, options, [](const std::string& path) {
      return StatusServer::Reply{path == "/a" ? 200U : 404U, "text/plain", "you said " + path};
    });
    if (!made.ok()) throw std::runtime_error(made.error().message);
    server_ = std::move(made).value();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~Running() {
    io_.stop();
    thread_.join();
  }
  std::uint16_t port() const { return server_->port(); }
  tcp::socket connect(const char* address) {
    tcp::socket socket(client_);
    socket.connect({boost::asio::ip::make_address(address), port()});
    return socket;
  }
  // Everything that comes until the server closes.
  std::string ask(const std::string& request, const char* address = "127.0.0.1") {
    auto socket = connect(address);
    boost::system::error_code ignored;
    boost::asio::write(socket, boost::asio::buffer(request), ignored);
    std::string answer;
    boost::asio::read(socket, boost::asio::dynamic_buffer(answer), ignored);
    return answer;
  }

 private:
  boost::asio::io_context io_;
  boost::asio::io_context client_;
  std::unique_ptr<StatusServer> server_;
  std::thread thread_;
};

StatusServer::Options at(const std::string& address) {
  StatusServer::Options options;
  options.address = address;
  return options;
}

std::string get(const std::string& path, const std::string& method = "GET") {
  return method + " " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
}

TEST(StatusServer, AnswersByPathWithoutQuery) {
  Running running(at("127.0.0.1:0"));
  EXPECT_NE(running.ask(get("/a?x=1")).find("200 OK"), std::string::npos);
  EXPECT_NE(running.ask(get("/a?x=1")).find("you said /a"), std::string::npos);
  EXPECT_NE(running.ask(get("/b")).find("404"), std::string::npos);
  EXPECT_NE(running.ask(get("/a", "POST")).find("405"), std::string::npos);
  const std::string head = running.ask(get("/a", "HEAD"));
  EXPECT_NE(head.find("Content-Length: 11"), std::string::npos) << head;
  EXPECT_EQ(head.find("you said"), std::string::npos);
}

TEST(StatusServer, NoHostIsEveryAddressOfBothFamilies) {
  Running running(at(":0"));
  EXPECT_NE(running.ask(get("/a"), "127.0.0.1").find("200 OK"), std::string::npos);
  EXPECT_NE(running.ask(get("/a"), "::1").find("200 OK"), std::string::npos);
}

TEST(StatusServer, TimeAndSizeAreBounded) {
  auto options = at("127.0.0.1:0");
  options.time_limit = 2s;
  Running running(options);
  EXPECT_EQ(running.ask("GET /a").size(), 0U) << "a request that does not end";
  EXPECT_EQ(running.ask("GET /" + std::string(100'000, 'a')).find("200 OK"), std::string::npos);
}

TEST(StatusServer, SilentPeersKeepNobodyOut) {
  auto options = at("127.0.0.1:0");
  options.time_limit = 600s;
  options.most_connections = 2;
  Running running(options);
  std::vector<decltype(running.connect("127.0.0.1"))> silent;
  for (int i = 0; i < 5; ++i) silent.push_back(running.connect("127.0.0.1"));
  EXPECT_NE(running.ask(get("/a")).find("200 OK"), std::string::npos);
}

TEST(StatusServer, AddressesThatDoNotWork) {
  boost::asio::io_context io;
  const auto code = [&](const std::string& address) {
    const auto made =
        StatusServer::listen(io, at(address), [](const std::string&) { return StatusServer::Reply{}; });
    return made.ok() ? std::optional<ErrorCode>() : made.error().code;
  };
  for (const char* address : {"8080", "host:80", "127.0.0.1:99999", "127.0.0.1:", ":8080x", "::1"}) {
    EXPECT_EQ(code(address), ErrorCode::kInvalidArgument) << address;
  }
  Running running(at("127.0.0.1:0"));
  EXPECT_EQ(code("127.0.0.1:" + std::to_string(running.port())), ErrorCode::kConflict);
}

}  // namespace
}  // namespace parallelrun::op
