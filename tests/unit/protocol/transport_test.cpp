// Client and server against each other, and against peers that mean no good, over real sockets.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <random>

#include "runner/protocol/protocol_client.h"
#include "runner/protocol/protocol_server.h"
#include "tests/unit/files/temporary_directory.h"

namespace parallelrun {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Long enough for the slowest machine; nothing waits for it to pass.
constexpr seconds kPatience{120};

// A certificate authority with certificates for names, made by the openssl command.
class Authority {
 public:
  Authority(const test::TemporaryDirectory& folder, const std::string& name) : base_(folder / name) {
    shell("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=" +
          name + " -keyout " + base_ + ".key -out " + base_ + ".crt");
  }
  TlsFiles issue(const std::string& name, const std::string& alternative_names) const {
    const std::string file = base_ + "-" + name;
    std::ofstream(file + ".ext") << "subjectAltName=" << alternative_names << "\n";
    shell("openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=" + name +
          " -keyout " + file + ".key -out " + file + ".csr");
    shell("openssl x509 -req -days 2 -in " + file + ".csr -CA " + base_ + ".crt -CAkey " + base_ +
          ".key -CAcreateserial -extfile " + file + ".ext -out " + file + ".crt");
    return {base_ + ".crt", file + ".crt", file + ".key"};
  }

 private:
  static void shell(const std::string& command) {
    ASSERT_EQ(std::system((command + " >/dev/null 2>&1").c_str()), 0) << command;
  }
  std::string base_;
};

class Transport : public testing::Test {
 protected:
  // Runs the loop until `condition` holds; false after kPatience.
  bool run_until(const std::function<bool()>& condition) {
    const auto give_up = std::chrono::steady_clock::now() + kPatience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > give_up) return false;
      io_.restart();
      io_.run_one_for(milliseconds(20));
    }
    return true;
  }

  Endpoint unix_endpoint(const std::string& name = "run/socket") {
    return parse_endpoint("unix:" + (folder_ / name)).value();
  }
  static Endpoint loopback() { return parse_endpoint("127.0.0.1:0").value(); }

  ProtocolServer::Handler echo() {
    return [this](const ProtocolServer::Request& request, const ProtocolServer::ReplyTo& reply) {
      ++requests_;
      reply({200, request.path + "|" + request.body});
    };
  }

  void listen(ProtocolServer::Options options, ProtocolServer::Handler handler) {
    auto server = ProtocolServer::listen(io_, std::move(options), std::move(handler));
    ASSERT_TRUE(server.ok()) << server.error().message;
    server_ = std::move(server).value();
  }
  void listen(const Endpoint& endpoint) { listen({.endpoint = endpoint}, echo()); }

  std::unique_ptr<ProtocolClient> client(TlsFiles tls = {}, std::string name = "") {
    auto made = ProtocolClient::create(
        io_, {.endpoint = server_->endpoint(), .tls = std::move(tls), .server_name = std::move(name)});
    EXPECT_TRUE(made.ok()) << made.error().message;
    return std::move(made).value();
  }

  Result<ProtocolClient::Reply> post(ProtocolClient& client, const std::string& path, std::string body,
                                     milliseconds timeout = kPatience / 2) {
    std::optional<Result<ProtocolClient::Reply>> got;
    client.post(path, std::move(body), timeout,
                [&got](Result<ProtocolClient::Reply> reply) { got = std::move(reply); });
    EXPECT_TRUE(run_until([&got] { return got.has_value(); })) << "no answer to " << path;
    if (!got) return Error{};
    return *got;
  }

  // A blocking socket to the server that says whatever a test wants.
  int raw() {
    const Endpoint& endpoint = server_->endpoint();
    if (endpoint.kind == Endpoint::Kind::kUnix) {
      const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      endpoint.path.copy(address.sun_path, sizeof(address.sun_path) - 1);
      EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
      return fd;
    }
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(endpoint.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    return fd;
  }

  // What the server sends until it closes the connection.
  std::string drain(int fd) {
    fcntl(fd, F_SETFL, O_NONBLOCK);
    std::string all;
    run_until([&all, fd] {
      char piece[4096];
      for (;;) {
        const ssize_t n = read(fd, piece, sizeof(piece));
        if (n > 0) {
          all.append(piece, static_cast<std::size_t>(n));
          continue;
        }
        return n == 0 || (errno != EAGAIN && errno != EINTR);
      }
    });
    return all;
  }

  std::string say(const std::string& request) {
    const int fd = raw();
    EXPECT_EQ(write(fd, request.data(), request.size()), static_cast<ssize_t>(request.size()));
    std::string reply = drain(fd);
    close(fd);
    return reply;
  }

  test::TemporaryDirectory folder_;
  boost::asio::io_context io_;
  std::unique_ptr<ProtocolServer> server_;
  int requests_ = 0;
};

TEST_F(Transport, UnixSocketIsPrivateAndRemovedAtTheEnd) {
  listen(unix_endpoint());
  struct stat status{};
  ASSERT_EQ(stat((folder_ / "run").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700U);
  ASSERT_EQ(stat((folder_ / "run/socket").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  server_.reset();
  EXPECT_NE(stat((folder_ / "run/socket").c_str(), &status), 0);
}

TEST_F(Transport, OneConnectionServesManyRequests) {
  listen(unix_endpoint());
  auto agent = client();
  for (int i = 0; i < 100; ++i) {
    const auto reply = post(*agent, "/v1/lease", std::to_string(i));
    ASSERT_TRUE(reply.ok()) << reply.error().message;
    EXPECT_EQ(reply.value().status, 200U);
    EXPECT_EQ(reply.value().body, "/v1/lease|" + std::to_string(i));
  }
  EXPECT_EQ(server_->connections(), 1U);
}

TEST_F(Transport, LargeReportsPassAndOthersAreBounded) {
  listen(unix_endpoint());
  auto agent = client();
  const std::string large(20U << 20U, 'x');
  const auto reply = post(*agent, "/v1/report", large);
  ASSERT_TRUE(reply.ok()) << reply.error().message;
  EXPECT_EQ(reply.value().body.size(), large.size() + std::string("/v1/report|").size());
  const std::string refused = say("POST /v1/lease HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n");
  EXPECT_NE(refused.find("413"), std::string::npos) << refused;
  EXPECT_EQ(requests_, 1);
}

TEST_F(Transport, ReplyMayComeLater) {
  std::vector<ProtocolServer::ReplyTo> parked;
  listen({.endpoint = unix_endpoint()}, [&](const ProtocolServer::Request&, ProtocolServer::ReplyTo reply) {
    parked.push_back(std::move(reply));
  });
  auto first = client();
  auto second = client();
  std::string order;
  first->post("/v1/lease", "", seconds(15),
              [&](Result<ProtocolClient::Reply> r) { order += r.value().body; });
  second->post("/v1/lease", "", seconds(15),
               [&](Result<ProtocolClient::Reply> r) { order += r.value().body; });
  ASSERT_TRUE(run_until([&] { return parked.size() == 2; }));
  EXPECT_EQ(order, "");
  parked[1]({200, "b"});
  ASSERT_TRUE(run_until([&] { return order == "b"; }));
  parked[0]({200, "a"});
  parked[0]({200, "again"});  // without effect
  ASSERT_TRUE(run_until([&] { return order == "ba"; }));
}

TEST_F(Transport, RepliesToThoseWhoLeftAreHarmless) {
  std::vector<ProtocolServer::ReplyTo> parked;
  listen({.endpoint = unix_endpoint()}, [&](const ProtocolServer::Request&, ProtocolServer::ReplyTo reply) {
    parked.push_back(std::move(reply));
  });
  auto agent = client();
  agent->post("/v1/lease", "", seconds(15),
              [](Result<ProtocolClient::Reply>) { FAIL() << "called after the end"; });
  ASSERT_TRUE(run_until([&] { return parked.size() == 1; }));
  agent.reset();
  parked[0]({200, std::string(1U << 20U, 'x')});
  parked.clear();
  ASSERT_TRUE(run_until([&] { return server_->connections() == 0; }));
  agent = client();
  agent->post("/v1/lease", "", seconds(15), [](Result<ProtocolClient::Reply> r) { EXPECT_FALSE(r.ok()); });
  ASSERT_TRUE(run_until([&] { return parked.size() == 1; }));
  server_.reset();
  parked[0]({200, "late"});
  ASSERT_TRUE(run_until([&] { return !agent->busy(); }));
}

TEST_F(Transport, SilenceTimesOutAndTheNextRequestConnectsAnew) {
  int seen = 0;
  std::vector<ProtocolServer::ReplyTo> parked;
  listen({.endpoint = unix_endpoint()}, [&](const ProtocolServer::Request&, ProtocolServer::ReplyTo reply) {
    if (++seen == 1) return parked.push_back(std::move(reply));
    reply({200, "second"});
  });
  auto agent = client();
  const auto silent = post(*agent, "/v1/lease", "", milliseconds(50));
  ASSERT_FALSE(silent.ok());
  EXPECT_EQ(silent.error().code, ErrorCode::kUnavailable);
  EXPECT_TRUE(silent.error().retryable);
  const auto reply = post(*agent, "/v1/lease", "");
  ASSERT_TRUE(reply.ok()) << reply.error().message;
  EXPECT_EQ(reply.value().body, "second");
}

TEST_F(Transport, KeptConnectionThatWasClosedIsReplacedUnnoticed) {
  // Longer than a busy machine lets a new connection wait for its first request.
  listen({.endpoint = unix_endpoint(), .limits = {.idle_timeout = milliseconds(500)}}, echo());
  auto agent = client();
  ASSERT_TRUE(post(*agent, "/a", "1").ok());
  ASSERT_TRUE(run_until([&] { return server_->connections() == 0; }));
  const auto reply = post(*agent, "/a", "2");
  ASSERT_TRUE(reply.ok()) << reply.error().message;
  EXPECT_EQ(requests_, 2);
}

TEST_F(Transport, RestartedServerTakesOverAStaleSocket) {
  {
    // A socket file that nobody listens on, as after kill -9.
    mkdir((folder_ / "run").c_str(), 0700);
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (folder_ / "run/socket").copy(address.sun_path, sizeof(address.sun_path) - 1);
    ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    close(fd);
  }
  listen(unix_endpoint());
  auto agent = client();
  EXPECT_TRUE(post(*agent, "/a", "").ok());
  const auto second = ProtocolServer::listen(io_, {.endpoint = unix_endpoint()}, echo());
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::kConflict);
  EXPECT_TRUE(post(*agent, "/a", "").ok());
}

TEST_F(Transport, FolderOthersCanEnterAndFilesThatAreNoSocketsAreRefused) {
  mkdir((folder_ / "open").c_str(), 0700);
  chmod((folder_ / "open").c_str(), 0755);
  auto made = ProtocolServer::listen(io_, {.endpoint = unix_endpoint("open/socket")}, echo());
  ASSERT_FALSE(made.ok());
  EXPECT_NE(made.error().message.find("0700"), std::string::npos);
  mkdir((folder_ / "run").c_str(), 0700);
  std::ofstream(folder_ / "run/socket") << "a file";
  made = ProtocolServer::listen(io_, {.endpoint = unix_endpoint()}, echo());
  ASSERT_FALSE(made.ok());
  EXPECT_NE(made.error().message.find("not a socket"), std::string::npos);
}

TEST_F(Transport, InTheClearOnlyOnThisMachine) {
  const auto everywhere =
      ProtocolServer::listen(io_, {.endpoint = parse_endpoint("0.0.0.0:0").value()}, echo());
  ASSERT_FALSE(everywhere.ok());
  EXPECT_EQ(everywhere.error().code, ErrorCode::kInvalidArgument);
  auto elsewhere = ProtocolClient::create(io_, {.endpoint = parse_endpoint("192.0.2.1:9").value()});
  ASSERT_TRUE(elsewhere.ok());
  const auto reply = post(**elsewhere, "/a", "");
  ASSERT_FALSE(reply.ok());
  EXPECT_FALSE(reply.error().retryable);
}

TEST_F(Transport, LoopbackAndIpv6Literals) {
  for (const char* text : {"127.0.0.1:0", "[::1]:0"}) {
    auto server = ProtocolServer::listen(io_, {.endpoint = parse_endpoint(text).value()}, echo());
    if (!server.ok() && std::string(text).front() == '[')
      GTEST_SKIP() << "no IPv6 here: " << server.error().message;
    ASSERT_TRUE(server.ok()) << server.error().message;
    server_ = std::move(server).value();
    EXPECT_NE(server_->endpoint().port, 0);
    auto agent = client();
    const auto reply = post(*agent, "/a", "x");
    ASSERT_TRUE(reply.ok()) << text << ": " << reply.error().message;
  }
}

TEST_F(Transport, HealthAndWhatIsNotHttp) {
  listen(loopback());
  EXPECT_NE(say("GET /healthz HTTP/1.0\r\n\r\n").find("200"), std::string::npos);
  EXPECT_NE(say("GET /secret HTTP/1.1\r\nConnection: close\r\n\r\n").find("404"), std::string::npos);
  EXPECT_NE(say("DELETE /v1/lease HTTP/1.1\r\n\r\n").find("405"), std::string::npos);
  EXPECT_NE(say("POST /v1/lease HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").find("411"),
            std::string::npos);
  EXPECT_NE(say("\x16\x03\x01 what is this\r\n\r\n").find("400"), std::string::npos);
  EXPECT_NE(say("POST / HTTP/1.1\r\nX: " + std::string(20'000, 'x')).find("400"), std::string::npos);
  EXPECT_EQ(requests_, 0);
  EXPECT_TRUE(run_until([&] { return server_->connections() == 0; }));
}

TEST_F(Transport, SlowPeersAreCutOff) {
  listen({.endpoint = loopback(),
          .limits = {.idle_timeout = milliseconds(100), .transfer_timeout = milliseconds(100)}},
         echo());
  // A byte every 10 ms keeps no connection open: the deadline is for the whole header, then the whole body.
  for (const std::string start :
       {"POST /v1/lease HTTP/1.1\r\nX: ", "POST /v1/lease HTTP/1.1\r\nContent-Length: 1000\r\n\r\n"}) {
    const int fd = raw();
    ASSERT_EQ(write(fd, start.data(), start.size()), static_cast<ssize_t>(start.size()));
    ASSERT_TRUE(run_until([&] { return server_->connections() == 1; }));
    auto next = std::chrono::steady_clock::now();
    ASSERT_TRUE(run_until([&] {
      if (std::chrono::steady_clock::now() >= next) {
        next += milliseconds(10);
        send(fd, "x", 1, MSG_NOSIGNAL);
      }
      return server_->connections() == 0;
    })) << start;
    close(fd);
  }
  EXPECT_EQ(requests_, 0);
}

TEST_F(Transport, ConnectionsAreBounded) {
  listen({.endpoint = loopback(), .limits = {.max_connections = 3}}, echo());
  std::vector<int> held;
  for (int i = 0; i < 3; ++i) held.push_back(raw());
  ASSERT_TRUE(run_until([&] { return server_->connections() == 3; }));
  const int fd = raw();
  EXPECT_EQ(drain(fd), "");
  close(fd);
  for (const int open : held) close(open);
  ASSERT_TRUE(run_until([&] { return server_->connections() == 0; }));
  auto agent = client();
  EXPECT_TRUE(post(*agent, "/a", "").ok());
}

TEST_F(Transport, RandomBytesNeverReachTheHandlerNorStayConnected) {
  listen({.endpoint = loopback(), .limits = {.idle_timeout = seconds(2)}}, echo());
  std::mt19937_64 random(7);
  for (int i = 0; i < 200; ++i) {
    std::string garbage(random() % 300, '\0');
    for (char& c : garbage) c = static_cast<char>(random());
    const int fd = raw();
    send(fd, garbage.data(), garbage.size(), MSG_NOSIGNAL);
    close(fd);
  }
  EXPECT_TRUE(run_until([&] { return server_->connections() == 0; }));
  EXPECT_EQ(requests_, 0);
  auto agent = client();
  EXPECT_TRUE(post(*agent, "/a", "").ok());
}

class TlsTransport : public Transport {
 protected:
  TlsTransport()
      : job_(folder_, "job"),
        other_(folder_, "other"),
        server_files_(job_.issue("orchestrator", "DNS:orchestrator.job,IP:127.0.0.1")),
        agent_files_(job_.issue("agent", "DNS:agent")) {
    serve(seconds(60));
  }
  void serve(milliseconds handshake_timeout) {
    listen({.endpoint = loopback(),
            .tls = server_files_,
            .limits = {.max_handshakes = 4, .handshake_timeout = handshake_timeout}},
           echo());
  }
  Authority job_;
  Authority other_;
  TlsFiles server_files_;
  TlsFiles agent_files_;
};

TEST_F(TlsTransport, AgentOfTheJobIsServed) {
  auto agent = client(agent_files_);
  for (int i = 0; i < 3; ++i) {
    const auto reply = post(*agent, "/v1/lease", "x");
    ASSERT_TRUE(reply.ok()) << reply.error().message;
    EXPECT_EQ(reply.value().body, "/v1/lease|x");
  }
  EXPECT_EQ(server_->connections(), 1U);
  auto by_name = client(agent_files_, "orchestrator.job");
  EXPECT_TRUE(post(*by_name, "/a", "").ok());
  const std::string large(5U << 20U, 'x');
  EXPECT_TRUE(post(*agent, "/v1/report", large).ok());
}

TEST_F(TlsTransport, StrangersGetNothing) {
  TlsFiles stranger = other_.issue("agent", "DNS:agent");
  stranger.ca = agent_files_.ca;  // trusts the orchestrator, is not trusted by it
  auto intruder = client(stranger);
  const auto reply = post(*intruder, "/v1/lease", "");
  ASSERT_FALSE(reply.ok());
  EXPECT_EQ(reply.error().code, ErrorCode::kUnavailable);

  // TLS without a certificate, plain HTTP, and garbage.
  const std::string port = std::to_string(server_->endpoint().port);
  EXPECT_EQ(say("GET /healthz HTTP/1.0\r\n\r\n").find("200"), std::string::npos);
  EXPECT_EQ(say(std::string(300, '\xff')).find("200"), std::string::npos);
  const std::string output = folder_ / "s_client";
  const std::string command =
      "(printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' | timeout 60 openssl s_client -quiet -connect "
      "127.0.0.1:" +
      port + " >" + output + " 2>/dev/null; touch " + output + ".ended) &";
  ASSERT_EQ(std::system(command.c_str()), 0);
  EXPECT_TRUE(run_until([&] { return std::filesystem::exists(output + ".ended"); }));
  std::ifstream said(output);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(said), {}), "");
  EXPECT_EQ(requests_, 0);
  EXPECT_TRUE(run_until([&] { return server_->connections() == 0; })) << "a failed handshake stayed";
}

TEST_F(TlsTransport, AgentRefusesAnotherServer) {
  TlsFiles trusting_other = agent_files_;
  trusting_other.ca = other_.issue("x", "DNS:x").ca;
  auto agent = client(trusting_other);
  auto reply = post(*agent, "/v1/lease", "");
  ASSERT_FALSE(reply.ok());
  EXPECT_FALSE(reply.error().retryable) << reply.error().message;
  auto wrong_name = client(agent_files_, "another.job");
  reply = post(*wrong_name, "/v1/lease", "");
  ASSERT_FALSE(reply.ok());
  EXPECT_FALSE(reply.error().retryable) << reply.error().message;
  EXPECT_EQ(requests_, 0);
}

TEST_F(TlsTransport, StalledHandshakesDoNotKeepAgentsOut) {
  // Long enough for a handshake that is in earnest, which comes after two rounds of those that are not.
  serve(seconds(2));
  std::vector<int> stalled;
  for (int i = 0; i < 8; ++i) stalled.push_back(raw());
  auto agent = client(agent_files_);
  EXPECT_TRUE(post(*agent, "/v1/lease", "").ok());
  EXPECT_TRUE(run_until([&] { return server_->connections() == 1; })) << server_->connections();
  EXPECT_TRUE(post(*agent, "/v1/lease", "").ok());
  for (const int fd : stalled) close(fd);
}

TEST_F(TlsTransport, UnusableFilesAreNamed) {
  TlsFiles files = server_files_;
  files.key = agent_files_.key;
  auto made = ProtocolServer::listen(io_, {.endpoint = loopback(), .tls = files}, echo());
  ASSERT_FALSE(made.ok());
  EXPECT_NE(made.error().message.find(files.key), std::string::npos) << made.error().message;
  files.key.clear();
  made = ProtocolServer::listen(io_, {.endpoint = loopback(), .tls = files}, echo());
  ASSERT_FALSE(made.ok());
  EXPECT_NE(made.error().message.find("three PEM files"), std::string::npos) << made.error().message;
  const auto missing = ProtocolClient::create(
      io_, {.endpoint = server_->endpoint(), .tls = {"/nowhere/ca", "/nowhere/crt", "/nowhere/key"}});
  ASSERT_FALSE(missing.ok());
  EXPECT_NE(missing.error().message.find("/nowhere/ca"), std::string::npos);
}

}  // namespace
}  // namespace parallelrun
