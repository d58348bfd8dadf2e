// A server that refuses, fails and cuts connections, by way of the proxy of armed_proxy.py.
#include "api_server_fixture.h"
#include "common/kube/lease_election.h"

namespace parallelrun::kube {
namespace {

class FaultTest : public ApiServerTest {
 protected:
  void SetUp() override {
    ApiServerTest::SetUp();
    faulty_ = faulty_transport();
    faulty_client_ = std::make_unique<KubeClient>(*faulty_);
  }
  void TearDown() override {
    EXPECT_EQ(faults("GET", json::object()), json::array()) << "a fault that hit nothing";
  }
  void arm(const json& fault) { faults("POST", {{"faults", json::array({fault})}}); }
  json faults(const std::string& method, const json& body) {
    Request request;
    request.method = method;
    request.path = "/faults";
    if (method == "POST") request.body = body.dump();
    const auto answer = faulty_->send(request, {});
    return answer.ok() ? json::parse(answer->body).at("left") : json(answer.error().message);
  }
  static std::unique_ptr<Transport> faulty_transport() {
    return make_http_transport({"http://" + variable("PARALLELRUN_FAULTY_PROXY"), "", false, "", ""},
                               std::make_shared<FixedCredential>(Credential{}), {});
  }
  ApiResult<json> get() { return faulty_client_->get(kConfigMaps, {name_space_, "a", ""}, stop_); }

  std::unique_ptr<Transport> faulty_;
  std::unique_ptr<KubeClient> faulty_client_;
};

TEST_F(FaultTest, RefusalsAreToldApart) {
  ASSERT_TRUE(create("a").ok());
  arm({{"status", 429}, {"retry_after", "7"}});
  const auto busy = get();
  ASSERT_FALSE(busy.ok());
  EXPECT_EQ(busy.error().failure, ApiFailure::kTooManyRequests);
  EXPECT_EQ(busy.error().retry_after, 7s);
  EXPECT_TRUE(busy.error().transient());
  for (const int status : {500, 503, 504}) {
    arm({{"status", status}});
    const auto failed = get();
    ASSERT_FALSE(failed.ok());
    EXPECT_EQ(failed.error().failure, ApiFailure::kServer);
    EXPECT_EQ(failed.error().status, status);
    EXPECT_TRUE(failed.error().transient());
  }
  EXPECT_TRUE(get().ok());
}

TEST_F(FaultTest, ACutConnectionIsUnreachable) {
  ASSERT_TRUE(create("a").ok());
  arm({{"method", "GET"}, {"contains", "configmaps"}, {"cut", "request"}});
  // cpprestsdk sends once more what a kept-alive connection did not answer; a transport of its own has none.
  const auto fresh = faulty_transport();
  const auto answer = KubeClient(*fresh).get(kConfigMaps, {name_space_, "a", ""}, stop_);
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().failure, ApiFailure::kUnreachable) << answer.error().message;
  EXPECT_TRUE(get().ok());
}

TEST_F(FaultTest, AWriteWhoseAnswerIsLostTookPlaceOnce) {
  arm({{"method", "POST"}, {"contains", "configmaps"}, {"cut", "answer"}});
  const auto lost = faulty_client_->create(kConfigMaps, {name_space_, "", ""}, config_map("a", "x"), "test",
                                           KubeClient::Answer::kObject, stop_);
  ASSERT_FALSE(lost.ok());
  // The latter where it was sent once more.
  EXPECT_TRUE(lost.error().failure == ApiFailure::kUnreachable ||
              lost.error().failure == ApiFailure::kAlreadyExists)
      << lost.error().message;
  EXPECT_TRUE(get().ok());
  const auto again = faulty_client_->create(kConfigMaps, {name_space_, "", ""}, config_map("a", "x"), "test",
                                            KubeClient::Answer::kObject, stop_);
  EXPECT_EQ(again.error().failure, ApiFailure::kAlreadyExists);
}

TEST_F(FaultTest, AnInformerWaitsAsLongAsItIsTold) {
  ASSERT_TRUE(create("a").ok());
  arm({{"method", "GET"}, {"contains", "limit="}, {"status", 429}, {"retry_after", "2"}});
  const auto began = std::chrono::steady_clock::now();
  Running running(*faulty_client_, options());
  ASSERT_TRUE(running.sees([&] { return running.size() == 1; }));
  EXPECT_GE(std::chrono::steady_clock::now() - began, 2s);
}

TEST_F(FaultTest, FailuresOfAWatchLoseNothingAndListNothingAgain) {
  const std::string watches = name_space_ + "/configmaps?allowWatchBookmarks";
  arm({{"contains", watches}, {"cut", "line"}, {"lines", 1}});  // the second event comes by half
  arm({{"contains", watches}, {"status", 500}});
  arm({{"contains", watches}, {"cut", "request"}});
  arm({{"contains", watches}, {"cut", "line"}, {"lines", 0}});
  Running running(*faulty_client_, options());
  ASSERT_TRUE(running.sees([&] { return running.informer.synced(); }));
  for (int i = 0; i < 4; ++i) {
    const std::string name = "round-" + std::to_string(i);
    ASSERT_TRUE(create(name).ok());
    ASSERT_TRUE(running.sees([&] { return running.informer.find({name_space_, name}).has_value(); })) << name;
  }
  EXPECT_TRUE(running.sees([&] { return faults("GET", {}) == json::array(); }));
  EXPECT_EQ(running.informer.relists(), 0U);
}

TEST_F(FaultTest, ALeaseOutlivesFaults) {
  LeaseOptions ours;
  ours.identity = "a";
  ours.lease_duration = 600s;
  ours.renew_deadline = 500s;
  ours.retry_period = 100ms;
  std::mutex mutex;
  std::vector<LeaseStanding> seen;
  LeaseElection election(*faulty_, {name_space_, "job", "test", {}, json::array()}, ours,
                         [&](LeaseStanding standing) {
                           const std::lock_guard lock(mutex);
                           seen.push_back(standing);
                         });
  arm({{"contains", "leases"}, {"method", "POST"}, {"cut", "answer"}});
  for (const char* cut : {"answer", "request", "answer"}) {
    arm({{"contains", "leases"}, {"method", "PUT"}, {"cut", cut}});
    arm({{"contains", "leases"}, {"method", "PUT"}, {"status", 500}});
  }
  std::jthread thread([&](const std::stop_token& stop) { election.run(stop); });
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while ((faults("GET", {}) != json::array() || election.standing() != LeaseStanding::kHeld) &&
         std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(50ms);
  }
  std::this_thread::sleep_for(500ms);  // and renewed a few times
  EXPECT_EQ(election.standing(), LeaseStanding::kHeld);
  EXPECT_EQ(election.transitions(), 0);
  thread.request_stop();
  thread.join();
  EXPECT_EQ(seen, (std::vector{LeaseStanding::kHeld, LeaseStanding::kGivenUp}));
}

}  // namespace
}  // namespace parallelrun::kube
