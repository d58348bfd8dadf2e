// Every deadline, one millisecond before and exactly at it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster_model.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

json with(const char* field, json value) {
  json job = a_job();
  job["spec"][field] = std::move(value);
  return job;
}

TEST(ActiveDeadline, OneMillisecondBeforeAndAt) {
  Cluster cluster(with("activeDeadlineSeconds", 60));
  cluster.bring_up().news();
  EXPECT_EQ(cluster.decision().again_at, cluster.now + seconds(60));
  cluster.after(milliseconds(59'999)).settle();
  EXPECT_EQ(cluster.state(), "Running");
  cluster.after(milliseconds(1)).settle();
  EXPECT_EQ(cluster.condition("Failed"), "True/DeadlineExceeded");
  EXPECT_THAT(cluster.message(), HasSubstr("60 s"));
  EXPECT_EQ(cluster.going().size(), 4U);  // at once: nobody has told the workers to leave
  EXPECT_THAT(cluster.news(), ElementsAre("Failed"));
}

TEST(ActiveDeadline, TimeInSuspensionDoesNotCount) {
  Cluster cluster(with("activeDeadlineSeconds", 60));
  cluster.bring_up();
  cluster.after(seconds(40)).edit("suspend", true).settle();
  cluster.after(seconds(1000)).settle();
  cluster.edit("suspend", false).settle();
  cluster.run_all().settle();
  EXPECT_EQ(cluster.decision().again_at, cluster.now + seconds(20));
  cluster.after(milliseconds(19'999)).settle();
  EXPECT_EQ(cluster.condition("Failed"), "");
  cluster.after(milliseconds(1)).settle();
  EXPECT_EQ(cluster.condition("Failed"), "True/DeadlineExceeded");
}

TEST(ActiveDeadline, LoweredBelowWhatHasPassed) {
  Cluster cluster;
  cluster.bring_up();
  cluster.after(seconds(100)).edit("activeDeadlineSeconds", 50).settle();
  EXPECT_EQ(cluster.condition("Failed"), "True/DeadlineExceeded");
}

TEST(ActiveDeadline, AnEndAtThatMomentIsTheEnd) {
  Cluster cluster(with("activeDeadlineSeconds", 60));
  cluster.bring_up();
  cluster.after(seconds(60)).exit("digits-orchestrator-0", 0, said("Complete", "Completed", "")).settle();
  EXPECT_EQ(cluster.state(), "Complete");
}

TEST(TimeToLive, OneMillisecondBeforeAndAt) {
  Cluster cluster(with("ttlSecondsAfterFinished", 100));
  cluster.bring_up();
  cluster.after(seconds(5)).exit("digits-orchestrator-0", 0, said("Complete", "Completed", "")).settle();
  cluster.after(milliseconds(99'999)).settle();
  EXPECT_FALSE(cluster.deleted);
  EXPECT_EQ(cluster.decision().again_at, cluster.now + milliseconds(1));
  cluster.after(milliseconds(1)).settle();
  EXPECT_TRUE(cluster.deleted);
}

TEST(TimeToLive, Zero) {
  Cluster cluster(with("ttlSecondsAfterFinished", 0));
  cluster.bring_up();
  cluster.exit("digits-orchestrator-0", 1, said("Failed", "ScriptFailed", "")).settle();
  EXPECT_TRUE(cluster.deleted);
}

TEST(TimeToLive, CountsFromTheEndOfTheContainer) {
  Cluster cluster(with("ttlSecondsAfterFinished", 100));
  cluster.bring_up();
  cluster.exit("digits-orchestrator-0", 0, said("Complete", "Completed", ""));
  cluster.after(seconds(99)).settle();  // the operator was down
  EXPECT_FALSE(cluster.deleted);
  EXPECT_EQ(cluster.job["status"]["completionTime"], "2026-05-17T00:00:00Z");
  cluster.after(seconds(1)).settle();
  EXPECT_TRUE(cluster.deleted);
}

TEST(TimeToLive, ANodesWrongClockMovesItNeitherBeforeTheStartNorIntoTheFuture) {
  for (const auto skew : {-minutes(60), minutes(60)}) {
    Cluster cluster(with("ttlSecondsAfterFinished", 100));
    cluster.bring_up();
    cluster.after(seconds(50)).exit("digits-orchestrator-0", 0, said("Complete", "Completed", ""));
    cluster.pod("digits-orchestrator-0").ended->finished += skew;
    cluster.settle();
    EXPECT_EQ(cluster.job["status"]["completionTime"],
              skew < minutes(0) ? "2026-05-17T00:00:00Z" : "2026-05-17T00:00:50Z");
  }
}

struct Pause {
  int failures;  // of the place, so far
  int seconds;   // until the next pod after this failure
};

class BackOff : public testing::TestWithParam<Pause> {};

TEST_P(BackOff, OneMillisecondBeforeAndAt) {
  Cluster cluster;
  cluster.settings.infrastructure_failures = 1000;
  cluster.bring_up();
  cluster.job["status"]["workers"] = {{{"index", 1}, {"failures", GetParam().failures}}};
  cluster.after(seconds(100)).exit("digits-worker-1-0", 137).settle();
  EXPECT_EQ(cluster.job["status"]["infrastructureFailures"], 1);
  EXPECT_EQ(cluster.job["status"]["workers"][0]["incarnation"], 1);
  EXPECT_EQ(cluster.job["status"]["workers"][0]["failures"], GetParam().failures + 1);
  EXPECT_FALSE(cluster.has("digits-worker-1-1"));
  EXPECT_EQ(cluster.decision().again_at, cluster.now + seconds(GetParam().seconds));
  cluster.after(seconds(GetParam().seconds) - milliseconds(1)).settle();
  EXPECT_FALSE(cluster.has("digits-worker-1-1"));
  cluster.after(milliseconds(1)).settle();
  EXPECT_TRUE(cluster.has("digits-worker-1-1"));
}

INSTANTIATE_TEST_SUITE_P(Doubles, BackOff,
                         testing::Values(Pause{0, 5}, Pause{1, 5}, Pause{2, 5}, Pause{3, 8}, Pause{5, 32},
                                         Pause{6, 60}, Pause{7, 60}, Pause{500, 60}));

TEST(BackOff, ANodesClockInTheFutureDelaysNothing) {
  Cluster cluster;
  cluster.bring_up();
  cluster.after(seconds(100)).exit("digits-worker-1-0", 137);
  cluster.pod("digits-worker-1-0").ended->finished += minutes(60);
  cluster.settle();
  EXPECT_TRUE(cluster.has("digits-worker-1-1"));
}

TEST(BackOff, PodsThatAreDeletedAsSoonAsTheyAreMadeComeEveryFiveSeconds) {
  Cluster cluster;
  cluster.bring_up();
  cluster.after(seconds(100)).ask_to_go("digits-worker-1-0").settle();
  ASSERT_TRUE(cluster.has("digits-worker-1-1"));
  cluster.run_all().ask_to_go("digits-worker-1-1").settle();
  EXPECT_FALSE(cluster.has("digits-worker-1-2"));
  cluster.after(milliseconds(4'999)).settle();
  EXPECT_FALSE(cluster.has("digits-worker-1-2"));
  cluster.after(milliseconds(1)).settle();
  EXPECT_TRUE(cluster.has("digits-worker-1-2"));
}

TEST(BackOff, AfterARejectionByTheNodeTenSeconds) {
  Cluster cluster;
  cluster.bring_up();
  PodView& pod = cluster.pod("digits-worker-1-0");
  pod.phase = "Failed";
  pod.reason = "OutOfcpu";
  cluster.after(milliseconds(9'999)).settle();
  EXPECT_FALSE(cluster.has("digits-worker-1-1"));
  cluster.after(milliseconds(1)).settle();
  EXPECT_TRUE(cluster.has("digits-worker-1-1"));
  EXPECT_FALSE(cluster.job["status"].contains("infrastructureFailures"));
}

TEST(LongRun, AFailureAfterMoreThanTenMinutesBeginsTheCountAnew) {
  for (const auto& [ran, count] :
       {std::pair{milliseconds(minutes(10)), 8}, std::pair{minutes(10) + milliseconds(1), 1}}) {
    Cluster cluster;
    cluster.bring_up();
    cluster.job["status"]["infrastructureFailures"] = 7;
    cluster.after(ran).exit("digits-worker-1-0", 137).settle();
    EXPECT_EQ(cluster.job["status"]["infrastructureFailures"], count) << ran.count();
  }
}

TEST(Leaving, AWorkerThatLeftIsReplacedOnlyIfTheJobGoesOn) {
  Cluster cluster;
  cluster.bring_up();
  cluster.after(seconds(10)).exit("digits-worker-1-0", 0).settle();
  EXPECT_EQ(cluster.decision().again_at, cluster.now + seconds(60));
  cluster.after(milliseconds(59'999)).settle();
  EXPECT_FALSE(cluster.has("digits-worker-1-1"));
  cluster.after(milliseconds(1)).settle();
  EXPECT_TRUE(cluster.has("digits-worker-1-1"));
}

TEST(Unschedulable, IsToldAfterFiveSeconds) {
  Cluster cluster;
  cluster.settle();
  for (auto& [name, pod] : cluster.pods) {
    pod.unscheduled_reason = "Unschedulable";
    pod.unscheduled_message = "0/3 nodes are available: 3 Insufficient cpu.";
  }
  cluster.after(milliseconds(4'999)).settle();
  EXPECT_EQ(cluster.condition("Running"), "False/Starting");
  EXPECT_EQ(cluster.decision().again_at, cluster.now + milliseconds(1));
  cluster.after(milliseconds(1)).settle();
  EXPECT_EQ(cluster.condition("Running"), "False/Unschedulable");
}

TEST(Warnings, AreReadOfPodsThatAreOnANodeForFiveSeconds) {
  Cluster cluster;
  cluster.settle();
  cluster.pod("digits-worker-2-0").node = "node-1";
  cluster.after(milliseconds(4'999));
  EXPECT_THAT(cluster.decision().read_warnings_of, IsEmpty());
  EXPECT_EQ(cluster.decision().again_at, cluster.now + milliseconds(1));
  cluster.after(milliseconds(1));
  EXPECT_THAT(cluster.decision().read_warnings_of, ElementsAre("digits-worker-2-0"));
  // Then less and less often, and never in the past.
  for (const int age : {5, 14, 15, 100, 5'000, 1'000'000}) {
    cluster.now = cluster.pod("digits-worker-2-0").created + seconds(age);
    const auto next = cluster.decision().again_at;
    ASSERT_TRUE(next);
    EXPECT_GT(*next, cluster.now);
    EXPECT_LE(*next, cluster.now + seconds(300 + 300));
  }
}

}  // namespace
}  // namespace parallelrun::op
