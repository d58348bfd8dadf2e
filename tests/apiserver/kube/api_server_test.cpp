// The API client against a real API server, which check_kube.py brings up.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>

#include "api_server_fixture.h"

namespace parallelrun::kube {
namespace {

// Carries bytes between its port and the API server's until it is cut. One thread for each connection.
class Proxy {
 public:
  explicit Proxy(std::uint16_t target) : target_(target), listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof(address);
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener_, 16) != 0 ||
        getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw std::runtime_error("no port for the proxy");
    }
    port_ = ntohs(address.sin_port);
    acceptor_ = std::jthread([this](const std::stop_token& stop) { accept_all(stop); });
  }
  ~Proxy() {
    acceptor_.request_stop();
    acceptor_.join();
    cut();
    carriers_.clear();
    close(listener_);
  }
  std::uint16_t port() const { return port_; }
  // Ends every connection there is.
  void cut() { ++generation_; }

 private:
  static sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }
  void accept_all(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      pollfd entry{listener_, POLLIN, 0};
      if (poll(&entry, 1, 20) <= 0) continue;
      const int near = accept(listener_, nullptr, nullptr);
      const int far = socket(AF_INET, SOCK_STREAM, 0);
      const sockaddr_in address = loopback(target_);
      if (connect(far, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
        carriers_.emplace_back([this, near, far, born = generation_.load()] { carry(near, far, born); });
      } else {
        close(near);
        close(far);
      }
    }
  }
  void carry(int near, int far, int born) {
    std::string bytes(65536, '\0');
    const auto pass = [&](int from, int to) {
      const ssize_t count = read(from, bytes.data(), bytes.size());
      return count > 0 && send(to, bytes.data(), static_cast<std::size_t>(count), MSG_NOSIGNAL) == count;
    };
    bool open = true;
    while (open && generation_ == born) {
      pollfd entries[] = {{near, POLLIN, 0}, {far, POLLIN, 0}};
      if (poll(entries, 2, 20) <= 0) continue;
      if (entries[0].revents != 0) open = pass(near, far);
      if (open && entries[1].revents != 0) open = pass(far, near);
    }
    close(near);
    close(far);
  }

  std::uint16_t target_;
  int listener_;
  std::uint16_t port_ = 0;
  std::atomic<int> generation_{0};
  std::vector<std::jthread> carriers_;  // of acceptor_ until that has ended
  std::jthread acceptor_;
};

TEST_F(ApiServerTest, VerbsAndTheirErrors) {
  const ObjectPath path{name_space_, "a", ""};
  EXPECT_EQ(client_->get(kConfigMaps, path, stop_).error().failure, ApiFailure::kNotFound);
  const auto made = create("a");
  ASSERT_TRUE(made.ok()) << made.error().message;
  EXPECT_EQ(create("a").error().failure, ApiFailure::kAlreadyExists);
  EXPECT_EQ(create("Not A Name").error().failure, ApiFailure::kInvalid);

  const auto applied = client_->apply(kConfigMaps, path, config_map("a", "y"), {"other", false}, stop_);
  ASSERT_FALSE(applied.ok());
  EXPECT_EQ(applied.error().failure, ApiFailure::kConflict) << applied.error().message;
  const auto forced = client_->apply(kConfigMaps, path, config_map("a", "y"), {"other", true}, stop_);
  ASSERT_TRUE(forced.ok()) << forced.error().message;
  EXPECT_EQ(forced->at("data").at("value"), "y");

  EXPECT_EQ(client_->replace(kConfigMaps, path, made.value(), "test", stop_).error().failure,
            ApiFailure::kConflict);
  DeleteOptions other;
  other.uid = "not-its-uid";
  EXPECT_EQ(client_->remove(kConfigMaps, path, other, stop_).error().failure, ApiFailure::kConflict);
  DeleteOptions own;
  own.uid = made->at("metadata").at("uid");
  EXPECT_TRUE(client_->remove(kConfigMaps, path, own, stop_).ok());
}

TEST_F(ApiServerTest, MergePatches) {
  const ObjectPath path{name_space_, "a", ""};
  using Answer = KubeClient::Answer;
  const auto made = create("a");
  ASSERT_TRUE(made.ok());
  const auto patched = client_->merge_patch(
      kConfigMaps, path, {{"data", {{"value", nullptr}, {"more", "y"}}}}, "test", Answer::kObject, stop_);
  ASSERT_TRUE(patched.ok()) << patched.error().message;
  EXPECT_EQ(patched->at("data"), (json{{"more", "y"}}));
  const auto metadata = client_->merge_patch(kConfigMaps, path, {{"metadata", {{"labels", {{"a", "b"}}}}}},
                                             "test", Answer::kMetadata, stop_);
  ASSERT_TRUE(metadata.ok()) << metadata.error().message;
  EXPECT_EQ(metadata->at("metadata").at("labels").at("a"), "b");
  EXPECT_FALSE(metadata->contains("data"));
  const json stale = {{"metadata", {{"resourceVersion", made->at("metadata").at("resourceVersion")}}},
                      {"data", {{"more", "z"}}}};
  EXPECT_EQ(client_->merge_patch(kConfigMaps, path, stale, "test", Answer::kObject, stop_).error().failure,
            ApiFailure::kConflict);
  EXPECT_EQ(client_->merge_patch(kConfigMaps, {name_space_, "b", ""}, stale, "test", Answer::kObject, stop_)
                .error()
                .failure,
            ApiFailure::kNotFound);
}

TEST_F(ApiServerTest, StrangersAreRefused) {
  const auto stranger = std::make_shared<FixedCredential>(Credential{"wrong", "", ""});
  const auto transport = make_http_transport({url_, ca_, false, "", ""}, stranger, {});
  const auto answer = KubeClient(*transport).get(kConfigMaps, {name_space_, "a", ""}, stop_);
  EXPECT_EQ(answer.error().failure, ApiFailure::kUnauthorized);
  EXPECT_EQ(stranger->rejections, 1);
  // Without the cluster's authority the server is not believed.
  const auto blind =
      make_http_transport({url_, "", false, "", ""}, std::make_shared<FixedCredential>(administrator()), {});
  EXPECT_EQ(KubeClient(*blind).get(kConfigMaps, {name_space_, "a", ""}, stop_).error().failure,
            ApiFailure::kUnreachable);
}

TEST_F(ApiServerTest, InformerFollowsPagesAndEvents) {
  for (const char* name : {"a", "b", "c", "d", "e"}) ASSERT_TRUE(create(name).ok());
  Running running(*client_, options());
  ASSERT_TRUE(running.sees([&] { return running.size() == 5; }));
  ASSERT_TRUE(create("f").ok());
  ASSERT_TRUE(running.sees([&] { return running.size() == 6; }));
  ASSERT_TRUE(client_->remove(kConfigMaps, {name_space_, "a", ""}, {}, stop_).ok());
  EXPECT_TRUE(running.sees([&] { return !running.informer.find({name_space_, "a"}); }));
  EXPECT_EQ(running.informer.relists(), 0U);
}

TEST_F(ApiServerTest, CutConnectionsLoseNothingAndListNothingAgain) {
  Proxy proxy(static_cast<std::uint16_t>(std::stoi(url_.substr(url_.rfind(':') + 1))));
  const auto transport = connect("https://127.0.0.1:" + std::to_string(proxy.port()));
  KubeClient client(*transport);
  Running running(client, options());
  ASSERT_TRUE(running.sees([&] { return running.informer.synced(); }));
  for (int round = 0; round < 3; ++round) {
    proxy.cut();
    ASSERT_TRUE(create("round-" + std::to_string(round)).ok());
    ASSERT_TRUE(running.sees([&] { return running.size() == static_cast<std::size_t>(round) + 1; })) << round;
  }
  EXPECT_EQ(running.informer.relists(), 0U);
}

TEST_F(ApiServerTest, LargeAnswersAndStops) {
  // The server bounds one object by etcd's request size, so 5 MB are several of them in one page.
  for (int i = 0; i < 6; ++i) {
    const auto made = create("large-" + std::to_string(i), std::string(900'000, 'x'));
    ASSERT_TRUE(made.ok()) << made.error().message;
  }
  const auto page = client_->list_page(kConfigMaps, name_space_, {}, 500, "", stop_);
  ASSERT_TRUE(page.ok()) << page.error().message;
  EXPECT_EQ(page->at("items").size(), 6U);

  std::stop_source stopped;
  std::atomic<bool> opened = false;
  std::jthread later([&] {
    // The server says at once that it has accepted a watch, although there is nothing to tell.
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (!opened && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(10ms);
    stopped.request_stop();
  });
  const std::string version = page->at("metadata").at("resourceVersion");
  const auto began = std::chrono::steady_clock::now();
  const auto end = client_->watch(
      kConfigMaps, name_space_, {}, version, 300s, [&] { opened = true; },
      [](std::string_view) { return true; }, stopped.get_token());
  ASSERT_FALSE(end.ok());
  EXPECT_EQ(end.error().failure, ApiFailure::kStopped);
  EXPECT_TRUE(opened);
  EXPECT_LT(std::chrono::steady_clock::now() - began, kPatience);
}

}  // namespace
}  // namespace parallelrun::kube
