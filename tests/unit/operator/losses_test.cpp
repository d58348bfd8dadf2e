// What happens when pods are lost, one row for each way, and what the budget counts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "cluster_model.h"
#include "common/pod/pod_layout.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Way {
  const char* name;
  std::function<void(Cluster&, const std::string&)> lose;
  bool counted;
  bool dead;  // known to be: its Lease may be taken
};

void fail(Cluster& cluster, const std::string& pod, const std::string& reason, bool disrupted) {
  PodView& view = cluster.pod(pod);
  view.phase = "Failed";
  view.reason = reason;
  view.disrupted = disrupted;
}

std::vector<Way> ways() {
  return {
      {"it crashes", [](Cluster& c, const std::string& p) { c.exit(p, 139); }, true, true},
      {"it is out of memory",
       [](Cluster& c, const std::string& p) {
         c.exit(p, 137);
         c.pod(p).ended->reason = "OOMKilled";
       },
       true, true},
      {"its runner crashes and a sidecar lives on",
       [](Cluster& c, const std::string& p) { c.runner_exits(p, 1); }, true, true},
      {"its init container fails", [](Cluster& c, const std::string& p) { fail(c, p, "", false); }, true,
       false},
      {"a node evicts it", [](Cluster& c, const std::string& p) { c.evict(p); }, false, true},
      {"it fills its own disk",
       [](Cluster& c, const std::string& p) {
         c.evict(p);
         c.pod(p).message = "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. ";
       },
       true, true},
      {"it fills its own emptyDir",
       [](Cluster& c, const std::string& p) {
         c.evict(p);
         c.pod(p).message = "Usage of EmptyDir volume \"shared-memory\" exceeds the limit \"1Gi\". ";
       },
       true, true},
      {"its node shuts down",
       [](Cluster& c, const std::string& p) {
         c.exit(p, 0);
         fail(c, p, "Terminated", true);
       },
       false, true},
      {"its node is gone and the pod garbage", [](Cluster& c, const std::string& p) { fail(c, p, "", true); },
       false, false},
      {"its node rejects it",
       [](Cluster& c, const std::string& p) { fail(c, p, "UnexpectedAdmissionError", false); }, false, false},
      {"somebody deletes it", [](Cluster& c, const std::string& p) { c.ask_to_go(p); }, false, false},
      {"it fails because somebody deletes it",
       [](Cluster& c, const std::string& p) {
         c.exit(p, 143);
         c.ask_to_go(p);
       },
       false, true},
  };
}

TEST(LostWorker, IsReplacedUnderTheNextIncarnation) {
  for (const Way& way : ways()) {
    SCOPED_TRACE(way.name);
    Cluster cluster;
    cluster.bring_up().news();
    cluster.after(seconds(30));
    way.lose(cluster, "digits-worker-1-0");
    const Plan plan = cluster.decision();
    ASSERT_TRUE(plan.status);
    EXPECT_EQ((*plan.status)["workers"][0]["index"], 1);
    EXPECT_EQ((*plan.status)["workers"][0]["incarnation"], 1);
    EXPECT_EQ((*plan.status)["workers"][0].value("failures", 0), way.counted ? 1 : 0);
    EXPECT_EQ((*plan.status).value("infrastructureFailures", 0), way.counted ? 1 : 0);
    cluster.settle();
    cluster.after(seconds(10)).settle();
    EXPECT_TRUE(cluster.has("digits-worker-1-1"));
    EXPECT_EQ(cluster.state(), "Running");
    EXPECT_THAT(cluster.news(), ElementsAre("WorkerReplaced"));
    // What is over stays for its log, what is not goes.
    if (cluster.has("digits-worker-1-0")) {
      EXPECT_TRUE(cluster.pod("digits-worker-1-0").deleting ||
                  cluster.pod("digits-worker-1-0").phase == "Failed");
    }
    cluster.run_all().settle();
    EXPECT_EQ(cluster.job["status"]["readyReplicas"], 3);
  }
}

TEST(LostOrchestrator, IsReplacedAndToldWhoIsDead) {
  for (const Way& way : ways()) {
    SCOPED_TRACE(way.name);
    Cluster cluster;
    cluster.bring_up().news();
    cluster.after(seconds(30));
    const std::string holder =
        pod::lease_holder("digits-orchestrator-0", cluster.pod("digits-orchestrator-0").uid);
    way.lose(cluster, "digits-orchestrator-0");
    cluster.settle();
    EXPECT_EQ(cluster.job["status"].value("infrastructureFailures", 0), way.counted ? 1 : 0);
    EXPECT_EQ(cluster.state(), "Pending");
    EXPECT_EQ(cluster.condition("Running"), "False/Starting");
    std::vector<std::string> ended;
    cluster.on_create = [&](const PodIdentity& identity) { ended = identity.ended; };
    cluster.after(seconds(10));
    const Plan plan = cluster.decision();
    cluster.settle();
    ASSERT_TRUE(cluster.has("digits-orchestrator-1"));
    if (!plan.create.empty()) {
      EXPECT_EQ(plan.create.front().ended,
                way.dead ? std::vector<std::string>{holder} : std::vector<std::string>{});
    }
    EXPECT_THAT(cluster.news(), ElementsAre("OrchestratorReplaced"));
    cluster.run_all().settle();
    EXPECT_EQ(cluster.state(), "Running");
    EXPECT_EQ(cluster.job["status"]["orchestrator"]["incarnation"], 1);
  }
}

TEST(LostOrchestrator, WhoseResultCannotBeTrustedIsReplaced) {
  Cluster cluster;
  cluster.bring_up();
  cluster.after(seconds(30)).exit("digits-orchestrator-0", 0, "bye").settle();
  EXPECT_EQ(cluster.job["status"]["infrastructureFailures"], 1);
  cluster.after(seconds(5)).settle();
  EXPECT_TRUE(cluster.has("digits-orchestrator-1"));
}

TEST(LostOrchestrator, ThatVanishedIsNotMadeAgainUnderItsName) {
  Cluster cluster;
  cluster.bring_up();
  cluster.after(seconds(30)).vanish("digits-orchestrator-0").settle();
  EXPECT_TRUE(cluster.has("digits-orchestrator-1"));
  EXPECT_FALSE(cluster.has("digits-orchestrator-0"));
}

TEST(LostOrchestrator, WhosePodWasNeverMadeKeepsItsName) {
  Cluster cluster;
  const Snapshot seen = cluster.snapshot();
  cluster.apply(cluster.decision(), seen, 4);  // the operator dies before the first pod
  EXPECT_THAT(cluster.names(), IsEmpty());
  cluster.settle();
  EXPECT_TRUE(cluster.has("digits-orchestrator-0"));
}

TEST(LostWorker, ThatVanishedKeepsItsNameAndIsAnEvent) {
  Cluster cluster;
  cluster.bring_up().news();
  cluster.after(seconds(30)).vanish("digits-worker-1-0").settle();
  EXPECT_TRUE(cluster.has("digits-worker-1-0"));
  EXPECT_THAT(cluster.news(), ElementsAre("WorkerReplaced"));
  EXPECT_THAT(cluster.events.back().message, HasSubstr("digits-worker-1-0 is gone; it is made again"));
  cluster.after(seconds(30)).run_all().settle();
  EXPECT_EQ(cluster.job["status"]["readyReplicas"], 3);
  EXPECT_THAT(cluster.news(), IsEmpty());
}

TEST(LostWorker, ThatVanishedIsToldOnceHoweverLongItsSuccessorIsRefused) {
  Cluster cluster;
  json job = a_job();
  job["spec"]["nodeCount"] = 100;  // one of them is less than a tenth, which is no write by itself
  Cluster large(job);
  for (Cluster* one : {&cluster, &large}) {
    one->bring_up().news();
    one->after(seconds(30)).refuse("Pod ", "Forbidden", "exceeded quota: team").vanish("digits-worker-1-0");
    one->settle();
    one->after(seconds(30)).settle();
    EXPECT_THAT(one->news(), ElementsAre("WorkerReplaced", "WorkersMissing"));
    one->refuse_nothing();
    const Snapshot seen = one->snapshot();
    one->apply(one->decision(), seen);  // what was refused is tried again
    one->run_all().settle();
    EXPECT_EQ(one->condition("Running"), "True/Running");
    EXPECT_THAT(one->news(), IsEmpty());
  }
}

TEST(LostWorker, ThatWasNeverReadyOrHasNoPlaceIsNoEvent) {
  Cluster cluster;
  cluster.settle();
  cluster.vanish("digits-worker-1-0").settle();
  EXPECT_THAT(cluster.news(), ElementsAre("Started"));
  cluster.bring_up();
  cluster.edit("nodeCount", 1).vanish("digits-worker-2-0").settle();
  EXPECT_THAT(cluster.news(), ElementsAre("Scaled"));
}

TEST(LostWorker, LeftWhileAnOrchestratorWasThereThatIsGone) {
  Cluster cluster;
  cluster.bring_up();
  cluster.after(seconds(30)).exit("digits-worker-0-0", 0).settle();
  EXPECT_FALSE(cluster.has("digits-worker-0-1"));
  cluster.after(seconds(1)).exit("digits-orchestrator-0", 137).settle();
  cluster.after(seconds(5)).settle();
  EXPECT_TRUE(cluster.has("digits-orchestrator-1"));
  EXPECT_TRUE(cluster.has("digits-worker-0-1"));
  EXPECT_EQ(cluster.job["status"]["infrastructureFailures"], 1);
}

TEST(LostWorker, OnlyTheLastOfAnIndexStays) {
  Cluster cluster;
  cluster.bring_up();
  for (int i = 0; i < 4; ++i) {
    cluster.after(minutes(2)).exit("digits-worker-1-" + std::to_string(i), 1).settle();
    cluster.after(minutes(2)).settle();
    cluster.run_all().settle();
  }
  EXPECT_THAT(cluster.names(), ElementsAre("digits-orchestrator-0", "digits-worker-0-0", "digits-worker-1-3",
                                           "digits-worker-1-4", "digits-worker-2-0"));
}

TEST(LostNode, TakesSeveralAndIsOneEvent) {
  json job = a_job();
  job["spec"]["nodeCount"] = 20;
  Cluster cluster(job);
  cluster.bring_up().news();
  cluster.after(seconds(30));
  for (int i = 0; i < 10; ++i) cluster.ask_to_go("digits-worker-" + std::to_string(i) + "-0");
  cluster.settle();
  EXPECT_THAT(cluster.news(), ElementsAre("WorkerReplaced"));
  EXPECT_THAT(cluster.events.back().message, HasSubstr("and 7 more"));
  EXPECT_EQ(cluster.job["status"]["workers"].size(), 10U);
  EXPECT_TRUE(cluster.has("digits-worker-9-1"));
}

TEST(Budget, IsBasePlusAShareForEachWorker) {
  for (const int workers : {1, 2, 3}) {
    SCOPED_TRACE(workers);
    json job = a_job();
    job["spec"]["nodeCount"] = workers;
    Cluster cluster(job);
    cluster.settings.infrastructure_failures = 2;
    cluster.settings.infrastructure_failures_per_worker = 3;
    cluster.bring_up();
    int failures = 0;
    const int budget = 2 + 3 * workers;
    for (int round = 0; failures <= budget; ++round) {
      EXPECT_EQ(cluster.condition("Failed"), "") << failures;
      cluster.news();
      cluster.after(minutes(2));
      for (int i = 0; i < workers; ++i, ++failures) {
        cluster.exit("digits-worker-" + std::to_string(i) + "-" + std::to_string(round), 1,
                     "lost the orchestrator");
      }
      cluster.settle();
      cluster.after(seconds(61)).settle();
      cluster.run_all().settle();
    }
    EXPECT_EQ(cluster.condition("Failed"), "True/InfrastructureFailures");
    EXPECT_EQ(cluster.job["status"]["infrastructureFailures"], failures);
    EXPECT_THAT(cluster.message(), HasSubstr(" ended with exit code 1: lost the orchestrator"));
    EXPECT_THAT(cluster.going(), ElementsAre("digits-orchestrator-0"));
    EXPECT_THAT(cluster.news(), Contains("Failed"));
  }
}

TEST(Budget, ContainersThatCannotBeStartedEndTheJob) {
  json job = a_job();
  job["spec"]["nodeCount"] = 1;
  Cluster cluster(job);
  cluster.settings.infrastructure_failures = 2;
  cluster.settings.infrastructure_failures_per_worker = 0;
  cluster.bring_up();
  for (int i = 0; i < 3; ++i) {
    cluster.after(minutes(2)).settle();
    const std::string pod = "digits-worker-0-" + std::to_string(i);
    cluster.exit(pod, 128, "exec: no such file or directory");
    cluster.pod(pod).ended->reason = "StartError";
    cluster.pod(pod).ended->started = WallTime{};  // as containerd says it
    cluster.settle();
  }
  EXPECT_EQ(cluster.condition("Failed"), "True/InfrastructureFailures");
}

TEST(Budget, AFailureThatIsNotTheJobsCostsNothing) {
  Cluster cluster;
  cluster.settings.infrastructure_failures = 0;
  cluster.settings.infrastructure_failures_per_worker = 0;
  cluster.bring_up();
  for (int i = 0; i < 20; ++i) {
    cluster.after(minutes(2)).evict("digits-worker-1-" + std::to_string(i)).settle();
    cluster.run_all().settle();
  }
  EXPECT_EQ(cluster.state(), "Running");
}

TEST(TwoOrchestrators, TheOlderGoes) {
  // However it came about: a snapshot holds two that live.
  Cluster cluster;
  cluster.bring_up();
  PodView second = cluster.pod("digits-orchestrator-0");
  second.name = "digits-orchestrator-4";
  second.uid = "another";
  second.incarnation = 4;
  cluster.pods[second.name] = second;
  cluster.settle();
  EXPECT_THAT(cluster.going(), ElementsAre("digits-orchestrator-0"));
  EXPECT_EQ(cluster.job["status"]["orchestrator"]["incarnation"], 4);
}

TEST(Release, AJobGoesOnWithTheImageItStartedWith) {
  Cluster cluster;
  cluster.bring_up();
  cluster.settings.runner_image = "parallelrun/runner:0.2";
  EXPECT_EQ(cluster.settle(), 0);
  EXPECT_EQ(cluster.job["status"]["runnerImage"], "parallelrun/runner:0.1");
}

}  // namespace
}  // namespace parallelrun::op
