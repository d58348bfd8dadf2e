// The transports that wrap another one.
#include <gtest/gtest.h>

#include <mutex>
#include <thread>
#include <vector>

#include "common/kube/kube_client.h"
#include "common/kube/observed_transport.h"
#include "common/kube/throttled_transport.h"
#include "start_time.h"

namespace parallelrun::kube {
namespace {

using namespace std::chrono_literals;

// Answers everything alike and remembers what it was asked.
class FixedTransport final : public Transport {
 public:
  ApiResult<Response> answer = Response{200, "", "{}"};

  ApiResult<Response> send(const Request& request, const std::stop_token&) override {
    const std::lock_guard lock(mutex_);
    asked_.push_back(request);
    return answer;
  }
  ApiResult<Response> stream(const Request& request, const LineSink& sink,
                             const std::stop_token& stop) override {
    sink("{}");
    sink("{}");
    return send(request, stop);
  }
  std::vector<Request> asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Request> asked_;
};

class Recorder final : public RequestObserver {
 public:
  void on_request(const RequestOutcome& outcome) override { outcomes.push_back(outcome); }
  std::vector<RequestOutcome> outcomes;
};

TEST(TokenBucket, ABurstThenTheRate) {
  TokenBucket bucket({10, 3}, kStart);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(bucket.take(kStart), 0ns);
  EXPECT_EQ(bucket.take(kStart), 100ms);
  EXPECT_EQ(bucket.take(kStart), 200ms);
  EXPECT_EQ(bucket.take(kStart + 150ms), 150ms);
}

TEST(TokenBucket, ATurnIsFreeAtItsTimeAndNotBefore) {
  TokenBucket bucket({10, 1}, kStart);
  EXPECT_EQ(bucket.take(kStart), 0ns);
  TokenBucket early = bucket;
  EXPECT_EQ(early.take(kStart + 100ms - 1ns), 1ns);
  EXPECT_EQ(bucket.take(kStart + 100ms), 0ns);
}

TEST(TokenBucket, QuietTimeFillsItToTheBurstOnly) {
  TokenBucket bucket({10, 2}, kStart);
  EXPECT_EQ(bucket.take(kStart + 1h), 0ns);
  EXPECT_EQ(bucket.take(kStart + 1h), 0ns);
  EXPECT_EQ(bucket.take(kStart + 1h), 100ms);
  bucket.give_back();
  EXPECT_EQ(bucket.take(kStart + 1h), 100ms);
}

TEST(ThrottledTransport, RequestsAndWatchesWaitForTheirTurn) {
  FixedTransport fixed;
  ThrottledTransport transport(fixed, {20, 2});
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(transport.send({}, {}).ok());
  int lines = 0;
  const auto sink = [&](std::string_view) { return ++lines > 0; };
  EXPECT_TRUE(transport.stream({}, sink, {}).ok());
  // Two at once, two more at 50 ms each, however many lines come.
  EXPECT_GE(std::chrono::steady_clock::now() - began, 100ms);
  EXPECT_EQ(lines, 2);
  EXPECT_EQ(fixed.asked().size(), 4U);
}

TEST(ThrottledTransport, AStopEndsTheWaitAndSendsNothing) {
  FixedTransport fixed;
  ThrottledTransport transport(fixed, {0.001, 1});
  ASSERT_TRUE(transport.send({}, {}).ok());
  std::stop_source stop;
  std::jthread later([&] {
    std::this_thread::sleep_for(50ms);
    stop.request_stop();
  });
  const auto given_up = transport.send({}, stop.get_token());
  ASSERT_FALSE(given_up.ok());
  EXPECT_EQ(given_up.error().failure, ApiFailure::kStopped);
  EXPECT_EQ(fixed.asked().size(), 1U);
}

TEST(ObservedTransport, TellsWhatBecameOfARequest) {
  FixedTransport fixed;
  Recorder recorder;
  ObservedTransport transport(fixed, recorder);
  KubeClient client(transport);
  const Resource pods{"", "v1", "pods"};
  EXPECT_TRUE(client.get(pods, {"ours", "a", ""}, {}).ok());
  fixed.answer = Response{409, "", "{}"};
  EXPECT_FALSE(
      client.create(pods, {"ours", "", ""}, nlohmann::json::object(), "test", KubeClient::Answer::kObject, {})
          .ok());
  fixed.answer = ApiError{ApiFailure::kUnreachable, 0, "", "reset", std::nullopt};
  EXPECT_FALSE(client.watch(pods, "", {}, "1", 10s, {}, [](std::string_view) { return true; }, {}).ok());
  fixed.answer = ApiError{ApiFailure::kStopped, 0, "", "stopped", std::nullopt};
  EXPECT_FALSE(client.get(pods, {"ours", "a", ""}, {}).ok());
  ASSERT_EQ(recorder.outcomes.size(), 3U);
  EXPECT_EQ(recorder.outcomes[0].verb, "get");
  EXPECT_EQ(recorder.outcomes[0].code(), "200");
  EXPECT_GT(recorder.outcomes[0].duration, 0ns);
  EXPECT_EQ(recorder.outcomes[1].verb, "create");
  EXPECT_EQ(recorder.outcomes[1].method, "POST");
  EXPECT_EQ(recorder.outcomes[1].code(), "409");
  EXPECT_EQ(recorder.outcomes[2].verb, "watch");
  EXPECT_EQ(recorder.outcomes[2].code(), "<error>");
  EXPECT_EQ(recorder.outcomes[2].failure, ApiFailure::kUnreachable);
}

TEST(ObservedTransport, Classes) {
  const struct {
    const char* method;
    const char* path;
    const char* class_path;
    const char* resource;
    const char* verb;
  } cases[] = {
      {"GET", "/api/v1/namespaces/a/pods/b", "/api/v1/namespaces/{namespace}/pods/{name}", "pods", "get"},
      {"GET", "/api/v1/namespaces/a/pods", "/api/v1/namespaces/{namespace}/pods", "pods", "list"},
      {"GET", "/api/v1/pods", "/api/v1/pods", "pods", "list"},
      {"GET", "/api/v1/namespaces", "/api/v1/namespaces", "namespaces", "list"},
      {"GET", "/api/v1/namespaces/a", "/api/v1/namespaces/{name}", "namespaces", "get"},
      {"PUT", "/api/v1/namespaces/a/finalize", "/api/v1/namespaces/{name}/finalize", "namespaces", "update"},
      {"GET", "/api/v1/nodes/n", "/api/v1/nodes/{name}", "nodes", "get"},
      {"PUT", "/apis/coordination.k8s.io/v1/namespaces/a/leases/b",
       "/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{name}", "leases.coordination.k8s.io",
       "update"},
      {"PATCH", "/apis/parallelrun.dev/v1alpha1/namespaces/a/parallelrunjobs/b/status",
       "/apis/parallelrun.dev/v1alpha1/namespaces/{namespace}/parallelrunjobs/{name}/status",
       "parallelrunjobs.parallelrun.dev", "patch"},
      {"DELETE", "/api/v1/namespaces/a/pods", "/api/v1/namespaces/{namespace}/pods", "pods",
       "deletecollection"},
      {"DELETE", "/api/v1/namespaces/a/pods/b", "/api/v1/namespaces/{namespace}/pods/{name}", "pods",
       "delete"},
      {"GET", "/version", "/version", "", "get"},
      {"GET", "/apis", "/apis", "", "list"},
      {"GET", "/", "", "", "get"},
  };
  for (const auto& entry : cases) {
    Request request;
    request.method = entry.method;
    request.path = entry.path;
    const auto outcome = classify(request);
    EXPECT_EQ(outcome.path, entry.class_path) << entry.path;
    EXPECT_EQ(outcome.resource, entry.resource) << entry.path;
    EXPECT_EQ(outcome.verb, entry.verb) << entry.method << " " << entry.path;
  }
  Request apply;
  apply.method = "PATCH";
  apply.path = "/api/v1/namespaces/a/pods/b";
  apply.headers["Content-Type"] = "application/apply-patch+yaml";
  EXPECT_EQ(classify(apply).verb, "apply");
}

}  // namespace
}  // namespace parallelrun::kube
