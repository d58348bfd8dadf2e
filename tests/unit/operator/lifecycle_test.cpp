// The life of a job from its first start to its deletion, as a user would tell it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster_model.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Names = std::vector<std::string>;

const Names kFour = {"digits-orchestrator-0", "digits-worker-0-0", "digits-worker-1-0", "digits-worker-2-0"};

TEST(Start, RecordsTheStartBeforeThePods) {
  Cluster cluster;
  const Plan plan = cluster.decision();
  ASSERT_TRUE(plan.status);
  EXPECT_EQ((*plan.status)["startTime"], "2026-05-17T00:00:00Z");
  EXPECT_THAT((*plan.status)["specHash"].get<std::string>(), testing::MatchesRegex("1-[0-9a-f]+"));
  EXPECT_EQ((*plan.status)["state"], "Pending");
  EXPECT_EQ((*plan.status)["replicas"], 3);
  EXPECT_EQ((*plan.status)["selector"], "parallelrun.dev/job=digits,parallelrun.dev/role=worker");
  EXPECT_EQ((*plan.status)["observedGeneration"], 1);
  EXPECT_EQ((*plan.status)["runnerImage"], "parallelrun/runner:0.1");
  EXPECT_TRUE(plan.ensure_account && plan.write_secret && plan.ensure_service);
  ASSERT_EQ(plan.create.size(), 4U);
  EXPECT_EQ(plan.create.front().role, Role::kOrchestrator);
}

TEST(Start, ThreeStatusWritesUntilAllWorkersAreReady) {
  Cluster cluster;
  cluster.bring_up();
  EXPECT_EQ(cluster.names(), kFour);
  EXPECT_EQ(cluster.state(), "Running");
  EXPECT_EQ(cluster.message(), "The orchestrator lists the input");
  EXPECT_EQ(cluster.condition("Running"), "True/Running");
  EXPECT_EQ(cluster.job["status"]["readyReplicas"], 3);
  EXPECT_EQ(cluster.job["status"]["orchestrator"]["uid"], cluster.pod("digits-orchestrator-0").uid);
  EXPECT_EQ(cluster.status_writes, 2U);
  EXPECT_THAT(cluster.news(), ElementsAre("Started"));
}

TEST(Start, NothingIsWrittenWhenNothingChanges) {
  Cluster cluster;
  cluster.bring_up();
  const std::size_t writes = cluster.writes;
  for (int i = 0; i < 100; ++i) {
    cluster.after(seconds(2));
    cluster.job["status"]["progress"] = {{"percent", i}, {"items", std::to_string(i)}};
    EXPECT_EQ(cluster.settle(), 0);
  }
  EXPECT_EQ(cluster.writes, writes);
  EXPECT_EQ(cluster.job["status"]["progress"]["percent"], 99);
}

TEST(Start, WorkersThatComeUpOneByOneAreNotAWriteEach) {
  json job = a_job();
  job["spec"]["nodeCount"] = 100;
  Cluster cluster(job);
  cluster.settle();
  cluster.run("digits-orchestrator-0").settle();
  const std::size_t before = cluster.status_writes;
  for (int i = 0; i < 100; ++i) {
    cluster.run("digits-worker-" + std::to_string(i) + "-0").after(milliseconds(50)).settle();
  }
  EXPECT_EQ(cluster.job["status"]["readyReplicas"], 100);
  EXPECT_EQ(cluster.status_writes, before + 1);
}

TEST(Start, SlowWorkersAreCountedInSteps) {
  json job = a_job();
  job["spec"]["nodeCount"] = 100;
  Cluster cluster(job);
  cluster.settle();
  cluster.run("digits-orchestrator-0").settle();
  const std::size_t before = cluster.status_writes;
  cluster.after(seconds(60));
  for (int i = 0; i < 100; ++i) cluster.run("digits-worker-" + std::to_string(i) + "-0").settle();
  EXPECT_EQ(cluster.job["status"]["readyReplicas"], 100);
  EXPECT_LE(cluster.status_writes, before + 11);
}

TEST(Start, AJobOfAnotherManagerIsLeftAlone) {
  json job = a_job();
  job["spec"]["managedBy"] = "kueue.x-k8s.io/multikueue";
  EXPECT_EQ(Cluster(job).settle(), 0);
  job["spec"]["managedBy"] = "parallelrun.dev/operator";
  EXPECT_GT(Cluster(job).settle(), 0);
}

TEST(Start, AJobThatIsBeingDeletedGetsNothing) {
  json job = a_job();
  job["metadata"]["deletionTimestamp"] = "2026-05-17T00:00:00Z";
  EXPECT_EQ(Cluster(job).settle(), 0);
}

TEST(Spec, WhatTheSchemaLetThroughIsRefusedBeforeAnyPod) {
  json job = a_job();
  job["spec"]["arguments"] = {"$(inputs.labels)"};
  Cluster cluster(job);
  cluster.settle();
  EXPECT_EQ(cluster.state(), "Failed");
  EXPECT_EQ(cluster.condition("Failed"), "True/InvalidSpec");
  EXPECT_THAT(cluster.message(), HasSubstr("spec.arguments[0]"));
  EXPECT_THAT(cluster.message(), HasSubstr("labels"));
  EXPECT_THAT(cluster.names(), IsEmpty());
  EXPECT_THAT(cluster.news(), ElementsAre("Failed"));
  EXPECT_FALSE(cluster.job["status"].contains("startTime"));
}

TEST(Spec, OneThatDoesNotFitIntoASecretIsRefused) {
  json job = a_job();
  for (int i = 0; i < 256; ++i) job["spec"]["arguments"].push_back(std::string(4096, 'x'));
  Cluster cluster(job);
  cluster.settle();
  EXPECT_EQ(cluster.condition("Failed"), "True/InvalidSpec");
  EXPECT_THAT(cluster.message(), HasSubstr("bytes as JSON"));
}

TEST(Spec, WhatIdentifiesTheJobCannotChangeUnseen) {
  // What CEL does not look into: unlisted fields of a projected volume.
  json job = a_job();
  const auto source = [](int expiry) {
    return json{{"projected",
                 {{"sources", {{{"serviceAccountToken", {{"path", "t"}, {"expirationSeconds", expiry}}}}}}}}};
  };
  job["spec"]["sideInputs"] = json::array({{{"name", "labels"}, {"source", source(600)}}});
  Cluster cluster(job);
  cluster.bring_up();
  cluster.edit("sideInputs", json::array({{{"name", "labels"}, {"source", source(601)}}}));
  cluster.settle();
  EXPECT_EQ(cluster.condition("Failed"), "True/SpecChanged");
  EXPECT_THAT(cluster.message(), HasSubstr("make a new job"));
  EXPECT_EQ(cluster.going(), kFour);
}

json a_template_that_clashes() {
  return {{"volumes", {{{"name", "scratch"}, {"emptyDir", json::object()}}}}};
}

TEST(Spec, AnEditThatIsNotValidDoesNotEndAJobThatHasStarted) {
  Cluster cluster;
  cluster.bring_up().news();
  cluster.edit("worker", a_template_that_clashes()).edit("nodeCount", 1).settle();
  EXPECT_EQ(cluster.state(), "Running");
  EXPECT_EQ(cluster.condition("Running"), "True/InvalidSpec");
  EXPECT_EQ(cluster.condition("Failed"), "");
  EXPECT_THAT(cluster.message(),
              HasSubstr("spec.worker.volumes[0].name: 'scratch' is the name of one of the runner's"));
  EXPECT_THAT(cluster.message(), HasSubstr("Correct it with kubectl edit or apply"));
  EXPECT_THAT(cluster.message(), HasSubstr("go on with the last valid spec"));
  EXPECT_THAT(cluster.news(), ElementsAre("InvalidSpec"));
  EXPECT_TRUE(cluster.events.back().warning);
  // Nothing of it is followed.
  EXPECT_EQ(cluster.snapshot().secret_generation, 1);
  EXPECT_THAT(cluster.going(), IsEmpty());
  EXPECT_EQ(cluster.names(), kFour);
  EXPECT_EQ(cluster.job["status"]["replicas"], 3);
  EXPECT_EQ(cluster.job["status"]["observedGeneration"], 3);

  cluster.after(seconds(60)).edit("worker", nullptr).settle();
  EXPECT_EQ(cluster.condition("Running"), "True/Running");
  EXPECT_EQ(cluster.message(), "The orchestrator lists the input");
  EXPECT_EQ(cluster.snapshot().secret_generation, 4);
  EXPECT_THAT(cluster.going(), ElementsAre("digits-worker-1-0", "digits-worker-2-0"));
  EXPECT_THAT(cluster.news(), ElementsAre("Scaled"));
}

TEST(Spec, PodsThatAreLostMeanwhileComeBackWithAValidSpec) {
  Cluster cluster;
  cluster.bring_up();
  cluster.edit("worker", a_template_that_clashes()).settle();
  cluster.news();
  cluster.after(seconds(60)).exit("digits-worker-0-0", 137).vanish("digits-worker-1-0").settle();
  EXPECT_EQ(cluster.condition("Running"), "True/InvalidSpec");
  cluster.exit("digits-orchestrator-0", 137).settle();
  EXPECT_EQ(cluster.condition("Running"), "False/InvalidSpec");
  EXPECT_EQ(cluster.state(), "Pending");
  EXPECT_THAT(cluster.message(), HasSubstr("the job waits"));
  cluster.after(seconds(600)).settle();
  EXPECT_THAT(cluster.names(),
              ElementsAre("digits-orchestrator-0", "digits-worker-0-0", "digits-worker-2-0"));
  EXPECT_THAT(cluster.news(), ElementsAre("InvalidSpec"));

  cluster.edit("worker", nullptr).bring_up();
  EXPECT_TRUE(cluster.has("digits-orchestrator-1"));
  EXPECT_TRUE(cluster.has("digits-worker-0-1") && cluster.has("digits-worker-1-0"));
  EXPECT_EQ(cluster.state(), "Running");
  EXPECT_EQ(cluster.job["status"]["readyReplicas"], 3);
}

TEST(Spec, AJobWithAnInvalidOneStillEndsAndStops) {
  for (const bool suspended : {false, true}) {
    Cluster cluster;
    cluster.bring_up();
    cluster.edit("worker", a_template_that_clashes()).settle();
    if (suspended) {
      cluster.edit("suspend", true).settle();
      EXPECT_EQ(cluster.state(), "Suspended");
      EXPECT_EQ(cluster.going(), kFour);
      for (const std::string& name : kFour) cluster.vanish(name);
      cluster.edit("suspend", false).settle();
      EXPECT_EQ(cluster.condition("Running"), "False/InvalidSpec");
      EXPECT_THAT(cluster.names(), IsEmpty());
      cluster.edit("worker", nullptr).bring_up();
      EXPECT_EQ(cluster.state(), "Running");
    } else {
      cluster.exit("digits-orchestrator-0", 0, said("Complete", "Completed", "all done")).settle();
      EXPECT_EQ(cluster.condition("Complete"), "True/Completed");
    }
  }
}

TEST(Spec, ANewerOperatorMayTakeWhatTheLastOneRefused) {
  Cluster cluster;
  cluster.bring_up();
  cluster.edit("worker", a_template_that_clashes()).settle();
  // The rule is another one now, and the generation the same.
  cluster.job["spec"].erase("worker");
  cluster.settle();
  EXPECT_EQ(cluster.condition("Running"), "True/Running");
}

TEST(Spec, AHashOfAnotherFormIsNotCompared) {
  Cluster cluster;
  cluster.bring_up();
  cluster.job["status"]["specHash"] = "2-of-a-newer-operator";
  cluster.edit("nodeCount", 2).settle();
  EXPECT_EQ(cluster.condition("Failed"), "");
}

// Edited while the operator makes what pods need beside the first status.
TEST(Spec, WhatIsMadeBesideAnOutdatedStatusIsBroughtUpToDate) {
  for (const bool status_last : {false, true}) {
    Cluster cluster;
    cluster.status_last = status_last;
    const Snapshot seen = cluster.snapshot();
    const Plan plan = cluster.decision();
    cluster.edit("errorThreshold", 7);
    EXPECT_FALSE(cluster.apply(plan, seen));
    EXPECT_EQ(cluster.snapshot().secret_generation, 1);
    EXPECT_THAT(cluster.names(), IsEmpty());
    EXPECT_THAT(cluster.news(), IsEmpty());
    cluster.settle();
    EXPECT_EQ(cluster.snapshot().secret_generation, 2);
    EXPECT_EQ(cluster.names(), kFour);
    EXPECT_THAT(cluster.news(), ElementsAre("Started"));
  }
}

TEST(Spec, ASecretThatIsNewerThanTheJobAsSeenIsNotTakenBack) {
  Cluster cluster;
  Snapshot seen = cluster.bring_up().snapshot();
  seen.secret_generation = 2;
  EXPECT_FALSE(decide(seen, cluster.settings, cluster.now).write_secret);
}

TEST(Spec, OtherSettingsReachTheSecret) {
  Cluster cluster;
  cluster.bring_up();
  cluster.edit("errorThreshold", 7);
  const Plan plan = cluster.decision();
  EXPECT_TRUE(plan.write_secret);
  EXPECT_THAT(plan.create, IsEmpty());
  EXPECT_THAT(plan.remove, IsEmpty());
  cluster.settle();
  EXPECT_EQ(cluster.job["status"]["observedGeneration"], 2);
  EXPECT_EQ(cluster.snapshot().secret_generation, 2);
}

TEST(Scale, UpMakesTheMissingOnes) {
  Cluster cluster;
  cluster.bring_up().news();
  cluster.edit("nodeCount", 5).bring_up();
  EXPECT_TRUE(cluster.has("digits-worker-3-0") && cluster.has("digits-worker-4-0"));
  EXPECT_EQ(cluster.job["status"]["replicas"], 5);
  EXPECT_EQ(cluster.job["status"]["readyReplicas"], 5);
  EXPECT_THAT(cluster.news(), ElementsAre("Scaled"));
}

TEST(Scale, DownTakesTheHighest) {
  Cluster cluster;
  cluster.bring_up().news();
  cluster.edit("nodeCount", 1).settle();
  EXPECT_THAT(cluster.going(), ElementsAre("digits-worker-1-0", "digits-worker-2-0"));
  EXPECT_EQ(cluster.job["status"]["replicas"], 1);
  EXPECT_THAT(cluster.news(), ElementsAre("Scaled"));
}

TEST(Scale, DownAndUpAgainUsesNoNameTwice) {
  Cluster cluster;
  cluster.bring_up();
  cluster.exit("digits-worker-2-0", 137).after(seconds(10)).settle();
  cluster.run_all().edit("nodeCount", 1).settle();
  cluster.vanish("digits-worker-1-0").vanish("digits-worker-2-1");
  cluster.edit("nodeCount", 3).settle();
  EXPECT_TRUE(cluster.has("digits-worker-1-0"));
  EXPECT_TRUE(cluster.has("digits-worker-2-1"));
  EXPECT_EQ(cluster.job["status"]["workers"],
            json::parse(R"([{"index": 2, "incarnation": 1, "failures": 1}])"));
}

TEST(Suspend, PodsGoAndTheJobGoesOnLater) {
  Cluster cluster;
  cluster.bring_up().news();
  cluster.after(seconds(100)).edit("suspend", true).settle();
  EXPECT_EQ(cluster.going(), kFour);
  EXPECT_EQ(cluster.state(), "Suspended");
  EXPECT_EQ(cluster.condition("Suspended"), "True/Suspended");
  EXPECT_EQ(cluster.condition("Running"), "False/Suspended");
  EXPECT_EQ(cluster.job["status"]["activeSeconds"], 100);
  EXPECT_EQ(cluster.job["status"]["replicas"], 0);
  EXPECT_THAT(cluster.news(), ElementsAre("Suspended"));
  for (const std::string& name : kFour) cluster.vanish(name);
  EXPECT_EQ(cluster.settle(), 0);

  cluster.after(seconds(1000)).edit("suspend", false).bring_up();
  // The orchestrator has another name, since its Lease may be held in the old one.
  EXPECT_THAT(cluster.names(), ElementsAre("digits-orchestrator-1", "digits-worker-0-0", "digits-worker-1-0",
                                           "digits-worker-2-0"));
  EXPECT_EQ(cluster.state(), "Running");
  EXPECT_EQ(cluster.condition("Suspended"), "False/Resumed");
  EXPECT_EQ(cluster.job["status"]["startTime"], "2026-05-17T00:00:00Z");
  EXPECT_EQ(cluster.job["status"]["resumeTime"], "2026-05-17T00:18:20Z");
  EXPECT_THAT(cluster.news(), ElementsAre("Resumed"));
}

TEST(Suspend, ResumedBeforeThePodsAreGone) {
  Cluster cluster;
  cluster.bring_up();
  cluster.after(seconds(5)).edit("suspend", true).settle();
  cluster.edit("suspend", false).settle();
  EXPECT_TRUE(cluster.has("digits-orchestrator-1") && cluster.has("digits-worker-2-1"));
  EXPECT_EQ(cluster.going(), kFour);
}

TEST(Suspend, AJobThatIsBornSuspendedDoesNotStart) {
  json job = a_job();
  job["spec"]["suspend"] = true;
  Cluster cluster(job);
  cluster.settle();
  EXPECT_EQ(cluster.state(), "Suspended");
  EXPECT_FALSE(cluster.job["status"].contains("startTime"));
  EXPECT_THAT(cluster.names(), IsEmpty());
  // What identifies it may still change.
  cluster.edit("miniBatchSize", 5).after(seconds(50)).edit("suspend", false).bring_up();
  EXPECT_EQ(cluster.state(), "Running");
  EXPECT_EQ(cluster.job["status"]["startTime"], "2026-05-17T00:00:50Z");
}

TEST(Suspend, AJobThatEndsWhileItIsStoppedHasEnded) {
  Cluster cluster;
  cluster.bring_up();
  cluster.edit("suspend", true).settle();
  cluster.exit("digits-orchestrator-0", 0, said("Complete", "Completed", "all done")).settle();
  EXPECT_EQ(cluster.state(), "Complete");
}

TEST(End, WorkersLeaveByThemselvesAndTheirLogsStay) {
  Cluster cluster;
  cluster.bring_up().news();
  cluster.after(seconds(30))
      .exit("digits-orchestrator-0", 0, said("Complete", "Completed", "10 of 10 items"));
  cluster.settle();
  EXPECT_EQ(cluster.state(), "Complete");
  EXPECT_EQ(cluster.condition("Complete"), "True/Completed");
  EXPECT_EQ(cluster.condition("Running"), "False/Complete");
  EXPECT_EQ(cluster.message(), "10 of 10 items");
  EXPECT_EQ(cluster.job["status"]["completionTime"], "2026-05-17T00:00:30Z");
  EXPECT_EQ(cluster.job["status"]["replicas"], 0);
  EXPECT_THAT(cluster.news(), ElementsAre("Completed"));
  EXPECT_EQ(cluster.status_writes, 3U);

  EXPECT_THAT(cluster.going(), IsEmpty());
  cluster.exit("digits-worker-0-0", 0).exit("digits-worker-1-0", 0).settle();
  cluster.after(milliseconds(29'999)).settle();
  EXPECT_THAT(cluster.going(), IsEmpty());
  cluster.after(milliseconds(1)).settle();
  EXPECT_THAT(cluster.going(), ElementsAre("digits-worker-2-0"));
  EXPECT_TRUE(cluster.has("digits-orchestrator-0") && cluster.has("digits-worker-0-0"));
  EXPECT_EQ(cluster.status_writes, 3U);
}

TEST(End, WorkersHaveTheirTimeFromWhenTheEndIsKnown) {
  Cluster cluster;
  cluster.bring_up();
  cluster.exit("digits-orchestrator-0", 0, said("Complete", "Completed", "")).after(seconds(300)).settle();
  EXPECT_EQ(cluster.job["status"]["completionTime"], "2026-05-17T00:00:00Z");
  EXPECT_THAT(cluster.going(), IsEmpty());
  cluster.after(milliseconds(29'999)).settle();
  EXPECT_THAT(cluster.going(), IsEmpty());
  cluster.after(milliseconds(1)).settle();
  EXPECT_THAT(cluster.going(), ElementsAre("digits-worker-0-0", "digits-worker-1-0", "digits-worker-2-0"));
}

TEST(End, WhatNeverRanIsTakenAwayAtOnce) {
  Cluster cluster;
  cluster.settle();
  cluster.run("digits-orchestrator-0").settle();
  cluster.exit("digits-orchestrator-0", 1, said("Failed", "EmptyInput", "no file matches")).settle();
  EXPECT_EQ(cluster.names(), Names{"digits-orchestrator-0"});
}

TEST(End, ASidecarKeepsNoJobFromEnding) {
  Cluster cluster;
  cluster.bring_up();
  cluster.runner_exits("digits-orchestrator-0", 0, said("Complete", "Completed", ""));
  for (const char* name : {"digits-worker-0-0", "digits-worker-1-0", "digits-worker-2-0"})
    cluster.runner_exits(name, 0);
  cluster.settle();
  EXPECT_EQ(cluster.state(), "Complete");
  EXPECT_THAT(cluster.going(), IsEmpty());
  cluster.after(seconds(30)).settle();
  EXPECT_EQ(cluster.going(), kFour);
}

TEST(End, AFinishedJobStaysFinished) {
  Cluster cluster;
  cluster.bring_up();
  cluster.exit("digits-orchestrator-0", 1, said("Failed", "ErrorThresholdExceeded", "11 items failed"))
      .settle();
  EXPECT_EQ(cluster.condition("Failed"), "True/ErrorThresholdExceeded");
  cluster.after(seconds(60)).settle();
  for (const std::string& name : cluster.going()) cluster.vanish(name);
  const std::size_t writes = cluster.writes;
  cluster.edit("nodeCount", 9).edit("suspend", true).settle();
  cluster.edit("suspend", false).vanish("digits-orchestrator-0").settle();
  EXPECT_EQ(cluster.writes, writes);
  EXPECT_EQ(cluster.state(), "Failed");
}

TEST(End, AnOlderOrchestratorsCompletionCounts) {
  Cluster cluster;
  cluster.bring_up();
  cluster.ask_to_go("digits-orchestrator-0").after(seconds(6)).settle();
  ASSERT_TRUE(cluster.has("digits-orchestrator-1"));
  cluster.run_all();
  cluster.exit("digits-orchestrator-0", 0, said("Complete", "Completed", "done")).settle();
  EXPECT_EQ(cluster.state(), "Complete");
  EXPECT_THAT(cluster.going(), testing::Contains("digits-orchestrator-1"));
}

TEST(End, AnOlderOrchestratorsFailureIsItsSuccessorsToMend) {
  Cluster cluster;
  cluster.bring_up();
  cluster.ask_to_go("digits-orchestrator-0").after(seconds(6)).settle();
  cluster.run_all();
  cluster.exit("digits-orchestrator-0", 1, said("Failed", "ScriptFailed", "boom")).settle();
  EXPECT_EQ(cluster.state(), "Running");
}

TEST(End, AJobCompletesBeforeWorkersArePresentOrReady) {
  Cluster cluster;
  cluster.settle();
  cluster.exit("digits-orchestrator-0", 0, said("Complete", "AlreadyComplete", "nothing to do")).settle();
  EXPECT_EQ(cluster.condition("Complete"), "True/AlreadyComplete");
  EXPECT_EQ(cluster.names(), Names{"digits-orchestrator-0"});
}

}  // namespace
}  // namespace parallelrun::op
