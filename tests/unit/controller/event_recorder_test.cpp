#include "operator/controller/event_recorder.h"

#include <gtest/gtest.h>

#include <atomic>

namespace parallelrun::op {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

const kube::Time kStart{1h};
const json kJob = json::parse(R"({"apiVersion": "parallelrun.dev/v1alpha1", "kind": "ParallelRunJob",
  "metadata": {"name": "digits", "namespace": "ns", "uid": "u", "resourceVersion": "4"}})");

TEST(EventBudget, ABurstThenOneInAWhile) {
  EventBudget budget({3, 1min});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(budget.take("a", kStart));
  EXPECT_FALSE(budget.take("a", kStart));
  EXPECT_TRUE(budget.take("b", kStart)) << "every job has its own";
  EXPECT_FALSE(budget.take("a", kStart + 1min - 1ms));
  EXPECT_TRUE(budget.take("a", kStart + 1min + 1ms));
  EXPECT_FALSE(budget.take("a", kStart + 1min + 1ms));
}

TEST(EventObject, SaysTheSameUnderTheSameName) {
  const JobEvent event{true, Reason::kFailed, "why"};
  const auto name = [](const json& object) { return object.at("metadata").at("name").get<std::string>(); };
  const json first = event_object(kJob, event, "op", kube::WallTime(1h));
  EXPECT_EQ(name(first), name(event_object(kJob, event, "other", kube::WallTime(2h))));
  EXPECT_NE(name(first), name(event_object(kJob, {true, Reason::kFailed, "else"}, "op", kube::WallTime(1h))));
  EXPECT_EQ(name(first).substr(0, 7), "digits.");
  EXPECT_EQ(first.at("type"), "Warning");
  EXPECT_EQ(first.at("reason"), "Failed");
  EXPECT_EQ(first.at("note"), "why");
  EXPECT_EQ(first.at("regarding").at("uid"), "u");
  EXPECT_EQ(first.at("eventTime"), "1970-01-01T01:00:00.000000Z");
}

TEST(EventObject, ALongNoteEndsBetweenCharacters) {
  std::string message(1020, 'x');
  for (int i = 0; i < 10; ++i) message += "\xC3\xA4";
  const std::string note = event_object(kJob, {false, Reason::kScaled, message}, "op", kube::WallTime(1h))
                               .at("note")
                               .get<std::string>();
  EXPECT_LE(note.size(), 1024U);
  EXPECT_EQ(note.substr(note.size() - 3), "...");
  EXPECT_NO_THROW((void)json(note).dump());
}

// Answers every request in the way it was told; a create of a name that exists is refused.
class EventServer final : public kube::Transport {
 public:
  kube::ApiResult<kube::Response> send(const kube::Request& request, const std::stop_token&) override {
    const std::lock_guard lock(mutex);
    requests.push_back(request.method + " " + request.path);
    bodies.push_back(json::parse(request.body));
    if (request.method == "POST" && !names.insert(bodies.back().at("metadata").at("name")).second) {
      return kube::Response{409, "", R"({"kind": "Status", "reason": "AlreadyExists"})"};
    }
    return kube::Response{201, "", "{}"};
  }
  kube::ApiResult<kube::Response> stream(const kube::Request&, const LineSink&,
                                         const std::stop_token&) override {
    return kube::ApiError{};
  }
  std::mutex mutex;
  std::vector<std::string> requests;
  std::vector<json> bodies;
  std::set<std::string> names;
};

TEST(EventRecorder, WhatIsSaidAgainIsASeries) {
  EventServer server;
  kube::KubeClient client(server);
  {
    EventRecorder recorder(client, {"op", 100, {}, {}});
    for (int i = 0; i < 3; ++i) recorder.record(kJob, {true, Reason::kFailed, "why"});
  }
  ASSERT_EQ(server.requests.size(), 3U) << "the end waits for what was recorded";
  EXPECT_TRUE(server.requests[0].starts_with("POST /apis/events.k8s.io/v1/namespaces/ns/events"));
  EXPECT_TRUE(server.requests[1].starts_with("PATCH "));
  EXPECT_EQ(server.bodies[2].at("series").at("count"), 3);
}

TEST(EventRecorder, AFloodIsDropped) {
  EventServer server;
  kube::KubeClient client(server);
  std::atomic<int> dropped{0};
  {
    EventRecorder recorder(client, {"op", 100, {5, 1h}, [&](const std::string&) { ++dropped; }});
    for (int i = 0; i < 50; ++i) recorder.record(kJob, {true, Reason::kFailed, std::to_string(i)});
  }
  EXPECT_EQ(server.requests.size(), 5U);
  EXPECT_EQ(dropped, 45);
}

}  // namespace
}  // namespace parallelrun::op
