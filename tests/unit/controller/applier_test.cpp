// Everything that is made for a job is made in one way: what is there already, refused or out of reach has
// the same consequences for each of them.
#include "operator/controller/applier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/null_sink.h>

#include <functional>
#include <map>
#include <mutex>

#include "common/json/members.h"
#include "operator/pods/children.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;
using testing::HasSubstr;

json a_job(const std::string& uid) {
  json job = json::parse(R"({
    "apiVersion": "parallelrun.dev/v1alpha1", "kind": "ParallelRunJob",
    "metadata": {"name": "digits", "namespace": "team", "generation": 1, "resourceVersion": "1"},
    "spec": {
      "entryScript": "digits.py", "nodeCount": 300,
      "sourceDirectory": {"configMap": {"name": "code"}},
      "inputs": [{"name": "images", "source": {"persistentVolumeClaim": {"claimName": "data"}}}],
      "output": {"source": {"persistentVolumeClaim": {"claimName": "results"}, "subPath": "digits"}}}})");
  job["metadata"]["uid"] = uid;
  return job;
}

// Objects by path, as an API server keeps them; `refuse` answers in its place.
class Server final : public kube::Transport {
 public:
  using Answer = kube::Response;

  kube::ApiResult<Answer> send(const kube::Request& request, const std::stop_token&) override {
    const std::lock_guard lock(mutex_);
    if (refuse && request.method == "POST") return *refuse;
    const json body = request.body.empty() ? json() : json::parse(request.body);
    if (request.method == "POST") {
      const std::string path = request.path + "/" + body["metadata"]["name"].get<std::string>();
      if (objects.contains(path)) return status(409, "AlreadyExists", path + " already exists");
      json& made = objects[path] = body;
      made["metadata"]["uid"] = "uid-of-" + path;
      ++writes;
      return Answer{201, "", json{{"metadata", made["metadata"]}}.dump()};
    }
    const auto found = objects.find(request.path);
    if (found == objects.end()) return status(404, "NotFound", request.path + " not found");
    if (request.method == "PATCH") {
      found->second.merge_patch(body);
      if (!body.empty()) ++writes;
    }
    return Answer{200, "", found->second.dump()};
  }
  kube::ApiResult<Answer> stream(const kube::Request&, const LineSink&, const std::stop_token&) override {
    return Answer{200, "", ""};
  }

  static Answer status(int code, const char* reason, const std::string& message) {
    return {code, "", json{{"kind", "Status"}, {"reason", reason}, {"message", message}}.dump()};
  }

  std::map<std::string, json> objects;
  std::optional<Answer> refuse;  // of whatever is to be made
  int writes = 0;

 private:
  std::mutex mutex_;
};

// What the operator has beside its plans. A new one knows of nothing.
class Operator {
 public:
  explicit Operator(Server& server)
      : client_(server), log_("test", std::make_shared<spdlog::sinks::null_sink_mt>()) {}

  ApplyResult apply(const Snapshot& snapshot, const Plan& plan) { return applier_.apply(snapshot, plan); }
  std::vector<Refusal> refusals() {
    return memories.with("team/digits", [](JobMemory& memory) {
      return memory.refusals(1, std::chrono::steady_clock::now());
    });
  }

  JobMemories memories;

 private:
  kube::KubeClient client_;
  spdlog::logger log_;
  EventRecorder events_{client_, {"test", 1000, {}, {}}};
  FanOut fan_out_{2};
  Observer observer_;
  Settings settings_;
  Applier applier_{{client_,
                    memories,
                    events_,
                    fan_out_,
                    observer_,
                    std::shared_ptr<spdlog::logger>(&log_, [](spdlog::logger*) {}),
                    settings_,
                    {}}};
};

struct Child {
  const char* name;
  const char* object;  // as refusals name it
  const char* path;
  std::function<void(Plan&, const json& job)> wanted;
};

class ChildOfAJob : public testing::TestWithParam<Child> {
 protected:
  ApplyResult make(Operator& made_by, const std::string& job_uid = "uid-1") {
    Snapshot snapshot;
    snapshot.job = a_job(job_uid);
    Plan plan;
    GetParam().wanted(plan, snapshot.job);
    return made_by.apply(snapshot, plan);
  }
  std::optional<std::int64_t> owned_by_job() {
    const json& metadata = server.objects.at(GetParam().path)["metadata"];
    return static_cast<std::int64_t>(metadata["ownerReferences"].size());
  }

  Server server;
};

TEST_P(ChildOfAJob, IsMade) {
  Operator first(server);
  const ApplyResult made = make(first);
  EXPECT_TRUE(made.wrote);
  EXPECT_FALSE(made.refused);
  EXPECT_EQ(made.failure, "");
  EXPECT_EQ(owned_by_job(), 1);
}

TEST_P(ChildOfAJob, ThatIsThereIsTakenOver) {
  Operator first(server);
  make(first);
  const int writes = server.writes;
  Operator restarted(server);
  const ApplyResult again = make(restarted);
  EXPECT_FALSE(again.refused);
  EXPECT_EQ(again.failure, "");
  EXPECT_EQ(server.writes, writes) << "an object that is right is not written again";
  EXPECT_TRUE(restarted.refusals().empty());
}

TEST_P(ChildOfAJob, OfAnotherIsLeftAloneAndTold) {
  server.objects[GetParam().path] = {{"metadata", {{"name", "x"}, {"uid", "theirs"}}}};
  Operator first(server);
  const ApplyResult refused = make(first);
  EXPECT_TRUE(refused.refused);
  ASSERT_EQ(first.refusals().size(), 1U);
  EXPECT_EQ(first.refusals()[0].object, GetParam().object);
  EXPECT_EQ(first.refusals()[0].reason, "AlreadyExists");
  EXPECT_THAT(first.refusals()[0].message, HasSubstr("belongs to another owner"));
  EXPECT_EQ(server.objects[GetParam().path]["metadata"]["uid"], "theirs");
}

// The garbage collector is on its way: that is no news to anybody, and the write waits.
TEST_P(ChildOfAJob, OfAnEarlierJobOfTheNameIsWaitedFor) {
  Operator first(server);
  make(first, "uid-of-the-one-before");
  Operator second(server);
  EXPECT_TRUE(make(second).refused);
  EXPECT_TRUE(second.refusals().empty());
  EXPECT_TRUE(make(second).held_until.has_value()) << "it is tried again later";
}

TEST_P(ChildOfAJob, ThatIsRefusedIsTold) {
  server.refuse = Server::status(403, "Forbidden", "exceeded quota: team");
  Operator first(server);
  EXPECT_TRUE(make(first).refused);
  ASSERT_EQ(first.refusals().size(), 1U);
  EXPECT_EQ(first.refusals()[0].object, GetParam().object);
  EXPECT_EQ(first.refusals()[0].message, "exceeded quota: team");
}

TEST_P(ChildOfAJob, IsTriedAgainAfterAnOutage) {
  server.refuse = Server::status(503, "ServiceUnavailable", "etcd is away");
  Operator first(server);
  const ApplyResult away = make(first);
  EXPECT_FALSE(away.refused);
  EXPECT_THAT(away.failure, HasSubstr("etcd is away"));
  EXPECT_TRUE(first.refusals().empty());
  server.refuse.reset();
  EXPECT_TRUE(make(first).wrote);
}

INSTANTIATE_TEST_SUITE_P(
    All, ChildOfAJob,
    testing::Values(Child{"Secret", "Secret digits-runner", "/api/v1/namespaces/team/secrets/digits-runner",
                          [](Plan& plan, const json&) { plan.write_secret = true; }},
                    // The third of three Secrets is told of as the first.
                    Child{"FurtherSecret", "Secret digits-runner",
                          "/api/v1/namespaces/team/secrets/digits-runner-2",
                          [](Plan& plan, const json&) { plan.write_secret = true; }},
                    Child{"Service", "Service digits-orchestrator",
                          "/api/v1/namespaces/team/services/digits-orchestrator",
                          [](Plan& plan, const json&) { plan.ensure_service = true; }},
                    Child{"Pod", "Pod digits-worker-7-0", "/api/v1/namespaces/team/pods/digits-worker-7-0",
                          [](Plan& plan, const json& job) {
                            plan.job = std::make_shared<const Result<CheckedJob>>(CheckedJob::read(job));
                            plan.create.push_back(
                                {.role = Role::kWorker, .index = 7, .incarnation = 0, .ended = {}});
                          }}),
    [](const auto& each) { return std::string(each.param.name); });

// Account and role binding are the namespace's: whoever has made them.
TEST(Account, ThatIsThereIsShared) {
  Server server;
  server.objects["/api/v1/namespaces/team/serviceaccounts/parallelrun-orchestrator"] = {
      {"metadata", json::object()}};
  Operator first(server);
  Snapshot snapshot;
  snapshot.job = a_job("uid-1");
  Plan plan;
  plan.ensure_account = true;
  const ApplyResult made = first.apply(snapshot, plan);
  EXPECT_TRUE(made.wrote);
  EXPECT_FALSE(made.refused);
  EXPECT_TRUE(first.memories.has_account("team"));
  EXPECT_EQ(server.writes, 1) << "the role binding";
}

// The spec of a running job that a newer operator refuses: each pod tells why it cannot be made.
TEST(Pod, OfASpecThatCannotBeReadIsRefused) {
  Server server;
  Operator first(server);
  Snapshot snapshot;
  snapshot.job = a_job("uid-1");
  snapshot.job["spec"].erase("entryScript");
  Plan plan;
  plan.job = std::make_shared<const Result<CheckedJob>>(CheckedJob::read(snapshot.job));
  plan.create.push_back({.role = Role::kOrchestrator, .index = 0, .incarnation = 0, .ended = {}});
  EXPECT_TRUE(first.apply(snapshot, plan).refused);
  ASSERT_EQ(first.refusals().size(), 1U);
  EXPECT_EQ(first.refusals()[0].object, "Pod digits-orchestrator-0");
  EXPECT_THAT(first.refusals()[0].message, HasSubstr("entryScript"));
  EXPECT_EQ(server.writes, 0);
}

}  // namespace
}  // namespace parallelrun::op
