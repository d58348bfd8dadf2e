// Pauses between a pod and its replacement, and workers that cannot start beside others that work. Kubelets
// tell the terminated container before the pod's phase (cluster_model.h).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "cluster_model.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

json job_of(int workers) {
  json job = a_job();
  job["spec"]["nodeCount"] = workers;
  return job;
}

std::string worker(int index, int incarnation) {
  return "digits-worker-" + std::to_string(index) + "-" + std::to_string(incarnation);
}

// Lets the pod run for a moment and fail, then waits for its replacement as a controller does: woken by the
// kubelet, and when the plan says so. Gives the pause after the end of the container.
milliseconds fail_and_await(Cluster& cluster, int index, int incarnation, const std::string& why = "boom") {
  const std::string failed = worker(index, incarnation);
  cluster.run_all().settle();
  cluster.after(milliseconds(300)).exit(failed, 1, why);
  const WallTime ended = cluster.now;
  cluster.settle();
  cluster.after(milliseconds(40)).settle();  // now its phase is told
  for (int round = 0; round < 200 && !cluster.has(worker(index, incarnation + 1)); ++round) {
    EXPECT_TRUE(cluster.has(failed)) << "its log is gone before there is a successor";
    const auto again = cluster.decision().again_at;
    if (!again) break;
    cluster.after(std::max(*again - cluster.now, WallTime::duration(1))).settle();
  }
  EXPECT_TRUE(cluster.has(worker(index, incarnation + 1))) << cluster.job["status"].dump(1);
  return cluster.now - ended;
}

TEST(Pauses, GrowFromFailureToFailureAndAreNeverUnderFiveSeconds) {
  Cluster cluster(job_of(2));
  cluster.bring_up();
  cluster.after(minutes(1));
  const std::vector<int> wanted = {5, 5, 5, 8, 16, 32, 60, 60, 60};
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const milliseconds pause = fail_and_await(cluster, 1, static_cast<int>(i));
    EXPECT_GE(pause, seconds(wanted[i])) << i;
    EXPECT_LE(pause, seconds(wanted[i] + 1)) << i;  // status knows whole seconds
  }
  EXPECT_TRUE(cluster.has(worker(1, 8)));
  EXPECT_FALSE(cluster.has(worker(1, 7))) << "all of them are kept";
}

TEST(Pauses, HoldWhereTheFailedPodIsGone) {
  Cluster cluster(job_of(2));
  cluster.bring_up();
  cluster.after(minutes(1)).exit(worker(1, 0), 1).settle();
  cluster.vanish(worker(1, 0)).after(seconds(1)).settle();
  EXPECT_FALSE(cluster.has(worker(1, 1)));
  EXPECT_EQ(cluster.job["status"]["workers"][0]["failures"], 1);
  cluster.after(seconds(3)).settle();
  EXPECT_FALSE(cluster.has(worker(1, 1)));
  cluster.after(seconds(2)).settle();
  EXPECT_TRUE(cluster.has(worker(1, 1)));
}

TEST(Pauses, AreOfThePlaceThatFails) {
  Cluster cluster(job_of(3));
  cluster.bring_up();
  cluster.after(minutes(1));
  for (int i = 0; i < 6; ++i) fail_and_await(cluster, 1, i);
  EXPECT_LE(fail_and_await(cluster, 2, 0), seconds(6));
  cluster.run_all().settle();
  cluster.after(minutes(1)).exit("digits-orchestrator-0", 139).settle();
  cluster.after(seconds(5)).settle();
  EXPECT_TRUE(cluster.has("digits-orchestrator-1"));
}

TEST(Pauses, BeginAnewAfterALongRun) {
  Cluster cluster(job_of(2));
  cluster.bring_up();
  for (int i = 0; i < 6; ++i) fail_and_await(cluster, 1, i);
  cluster.run_all().settle();
  cluster.after(minutes(11));
  EXPECT_LE(fail_and_await(cluster, 1, 6), seconds(6));
  EXPECT_EQ(cluster.job["status"]["workers"][0]["failures"], 1);
}

TEST(Pauses, AreNotExtendedByAClockThatIsSetBack) {
  Cluster cluster(job_of(2));
  cluster.bring_up();
  cluster.after(minutes(1)).exit(worker(1, 0), 1).settle();
  cluster.now -= std::chrono::hours(24);
  cluster.settle();
  EXPECT_TRUE(cluster.has(worker(1, 1)));
}

TEST(WorkerThatCannotStart, EndsNoJobInWhichAnotherWorks) {
  Cluster cluster(job_of(2));
  cluster.bring_up().news();
  cluster.after(minutes(1));
  for (int i = 0; i < 40; ++i) {
    fail_and_await(cluster, 1, i, "the source directory changed since the job started");
    ASSERT_EQ(cluster.condition("Failed"), "") << i << ": " << cluster.message();
  }
  EXPECT_EQ(cluster.condition("Running"), "True/WorkersMissing");
  EXPECT_THAT(cluster.message(), AllOf(HasSubstr("worker 1 fails again and again"),
                                       HasSubstr("the source directory changed since the job started")));
  const std::vector<std::string> news = cluster.news();
  EXPECT_EQ(std::count(news.begin(), news.end(), "WorkersMissing"), 1) << "it comes and goes";
  // And it is forgotten once it works.
  cluster.run_all().settle();
  cluster.after(minutes(2)).settle();
  EXPECT_EQ(cluster.condition("Running"), "True/Running");
  EXPECT_THAT(cluster.news(), IsEmpty());
}

TEST(WorkerThatCannotStart, EndsTheJobWhereNoOtherWorks) {
  for (const int workers : {1, 2}) {
    SCOPED_TRACE(workers);
    Cluster cluster(job_of(workers));
    cluster.bring_up();
    if (workers == 2) {  // the other is on no node
      cluster.pod(worker(1, 0)).phase = "Pending";
      cluster.pod(worker(1, 0)).ready = false;
    }
    const int budget = 10 + 5 * workers;
    int failures = 0;
    for (; failures <= budget && cluster.condition("Failed").empty(); ++failures) {
      cluster.run(worker(0, failures)).settle();
      cluster.after(seconds(1)).exit(worker(0, failures), 1, "no module named x").settle();
      cluster.after(seconds(61)).settle();
    }
    EXPECT_EQ(failures, budget + 1);
    EXPECT_EQ(cluster.condition("Failed"), "True/InfrastructureFailures");
    EXPECT_THAT(cluster.message(), HasSubstr("no module named x"));
  }
}

TEST(WorkerThatCannotStart, EndsTheJobWhereAllOfThemCannot) {
  Cluster cluster(job_of(3));
  cluster.bring_up();
  for (int i = 0; i < 60 && cluster.condition("Failed").empty(); ++i) {
    cluster.run_all().settle();
    cluster.after(seconds(1));
    for (const std::string& name : cluster.names()) {
      if (name.starts_with("digits-worker") && cluster.pod(name).phase == "Running" &&
          !cluster.pod(name).ended)
        cluster.exit(name, 1, "boom");
    }
    cluster.settle();
    cluster.after(seconds(61)).settle();
  }
  EXPECT_EQ(cluster.condition("Failed"), "True/InfrastructureFailures");
}

TEST(WorkerThatCannotStart, DoesNotHideAnOrchestratorThatCannot) {
  Cluster cluster(job_of(1));
  cluster.bring_up();
  for (int i = 0; i <= 15 && cluster.condition("Failed").empty(); ++i) {
    cluster.run_all().settle();
    cluster.after(seconds(1)).exit("digits-orchestrator-" + std::to_string(i), 139).settle();
    cluster.after(seconds(61)).settle();
  }
  EXPECT_EQ(cluster.condition("Failed"), "True/InfrastructureFailures");
}

TEST(ChargedLosses, CostTheBudgetNothing) {
  for (const bool charged : {false, true}) {
    SCOPED_TRACE(charged);
    Cluster cluster(job_of(1));
    cluster.bring_up();
    for (int i = 0; i < 30 && cluster.condition("Failed").empty(); ++i) {
      cluster.run_all().settle();
      cluster.after(seconds(1)).exit(worker(0, i), 137);
      cluster.pod(worker(0, i)).ended->reason = "OOMKilled";
      if (charged) cluster.job["status"]["progress"]["lossesCharged"] = i;
      cluster.settle();
      cluster.after(seconds(61)).settle();
    }
    EXPECT_EQ(cluster.condition("Failed"), charged ? "" : "True/InfrastructureFailures");
  }
}

TEST(Endings, AreToldToTheSuccessor) {
  Cluster cluster;
  cluster.bring_up();
  std::map<std::uint32_t, std::string> told;
  cluster.on_create = [&](const PodIdentity& identity) { told[identity.index] = identity.predecessor_ended; };
  cluster.after(minutes(1)).exit(worker(0, 0), 137);
  cluster.pod(worker(0, 0)).ended->reason = "OOMKilled";
  cluster.evict(worker(1, 0));
  cluster.pod(worker(1, 0)).message =
      "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. ";
  cluster.ask_to_go(worker(2, 0)).settle();
  cluster.after(seconds(10)).settle();
  EXPECT_EQ(told[0], "ended: OOMKilled, exit code 137");
  EXPECT_THAT(told[1], AllOf(HasSubstr("Evicted"), HasSubstr("ephemeral local storage")));
  EXPECT_EQ(told[2], "") << "what it had begun is not why it went";

  cluster.after(minutes(1)).exit(worker(2, 1), 0);  // quicker than its kubelet, which then tells no reason
  cluster.after(minutes(2)).settle();
  EXPECT_THAT(told[2], HasSubstr("its node stopped it"));
}

TEST(Replacements, OfOneCauseAreOneEvent) {
  Cluster cluster(job_of(2));
  cluster.bring_up();
  for (int i = 0; i < 5; ++i) fail_and_await(cluster, 1, i, "disk quota exceeded");
  std::set<std::string> keys;
  for (const JobEvent& event : cluster.events) {
    if (event.reason != Reason::kWorkerReplaced) continue;
    keys.insert(event.same_as);
    EXPECT_THAT(event.message, HasSubstr("exit code 1: disk quota exceeded"));
  }
  EXPECT_EQ(keys.size(), 1U);
}

TEST(Messages, AreOneLineAndNeverEmptyWhileTheJobRuns) {
  Cluster cluster;
  const auto says = [&](json progress, const char* words) {
    if (progress.is_object()) cluster.job["status"]["progress"] = std::move(progress);
    cluster.settle();
    EXPECT_THAT(cluster.message(), HasSubstr(words));
  };
  says(nullptr, "orchestrator's pod is starting");
  cluster.run_all();
  says(nullptr, "lists the input");
  says({{"miniBatchesCreated", 7}, {"agents", 0}}, "waits for workers");
  says({{"miniBatchesCreated", 7}, {"agents", 2}, {"processesReady", 0}},
       "install their environments and import");
  says({{"miniBatchesCreated", 7}, {"agents", 2}, {"startFailure", "worker-0: no index; again in 4 s"}},
       "import the entry script; the last failure: worker-0: no index; again in 4 s");
  says({{"miniBatchesCreated", 7}, {"agents", 2}, {"processesReady", 1}, {"startFailure", "x"}},
       "process mini-batches");
  cluster.after(minutes(1))
      .exit("digits-orchestrator-0", 1, said("Failed", "ScriptFailed", "a\nb\tc\r"))
      .settle();
  EXPECT_THAT(cluster.message(), HasSubstr("a b c"));
}

}  // namespace
}  // namespace parallelrun::op
