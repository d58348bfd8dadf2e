// When a job may have the results of another one: which it is offered, that no worker starts while its
// orchestrator looks, and what status says of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster_model.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

const std::string kRecord(64, 'a');
const std::vector<std::string> kOrchestrator = {"digits-orchestrator-0"};

// What status says of the spec of a job that was started.
std::string spec_of(const json& job) {
  Cluster cluster(job);
  cluster.settle();
  return cluster.job["status"]["reuse"]["spec"];
}

EarlierRun alike(const std::string& name = "first") {
  return {.job = name, .sub_path = "out/" + name, .spec = spec_of(a_job()), .record = kRecord};
}

EarlierRun other(const std::string& name) {
  return {.job = name, .sub_path = "out/" + name, .spec = std::string(64, 'b'), .record = kRecord};
}

json offered(const Plan& plan) {
  for (const PodIdentity& pod : plan.create) {
    if (pod.role == Role::kOrchestrator)
      return pod.earlier_runs.empty() ? json() : json::parse(pod.earlier_runs);
  }
  return "no orchestrator";
}

std::vector<std::string> jobs_in(const json& offered) {
  std::vector<std::string> names;
  for (const json& one : offered) names.push_back(one["job"]);
  return names;
}

json progress() { return {{"miniBatchesCreated", 1}, {"planComplete", false}}; }

TEST(Reuse, TheSpecCountsButForWhereResultsGo) {
  const auto with = [](const char* path, json value) {
    json job = a_job();
    job["spec"][json::json_pointer(path)] = std::move(value);
    return spec_of(job);
  };
  const std::string spec = spec_of(a_job());
  EXPECT_THAT(spec, testing::MatchesRegex("[0-9a-f]{64}"));
  EXPECT_EQ(with("/output/source/subPath", "elsewhere"), spec);
  EXPECT_EQ(with("/ttlSecondsAfterFinished", 5), spec);
  EXPECT_NE(with("/miniBatchSize", 7), spec);
  EXPECT_NE(with("/inputs/0/source/subPath", "more"), spec);
  EXPECT_NE(with("/arguments", json::array({"x"})), spec);
  EXPECT_NE(with("/worker/volumes", {{{"name", "more"}, {"emptyDir", json::object()}}}), spec);
}

TEST(Reuse, NoWorkerStartsWhileTheOrchestratorLooks) {
  Cluster cluster;
  cluster.earlier_runs = {alike()};
  EXPECT_EQ(offered(cluster.decision()),
            json::parse(R"([{"job": "first", "subPath": "out/first", "record": ")" + kRecord + "\"}]"));
  cluster.settle();
  EXPECT_EQ(cluster.names(), kOrchestrator);
  cluster.run("digits-orchestrator-0").after(seconds(30)).settle();
  EXPECT_EQ(cluster.names(), kOrchestrator);
  EXPECT_EQ(cluster.condition("Running"), "True/Running");
  ASSERT_TRUE(cluster.decision().again_at);
  // It has nothing that stands for the job, and begins.
  cluster.job["status"]["progress"] = progress();
  cluster.settle();
  EXPECT_EQ(cluster.names().size(), 4U);
}

// Its last progress is there before its pod has ended.
TEST(Reuse, NorOnceTheOrchestratorHasTakenTheResults) {
  Cluster cluster;
  cluster.earlier_runs = {alike()};
  cluster.settle();
  cluster.run("digits-orchestrator-0").after(seconds(5));
  cluster.job["status"]["progress"] = {
      {"planComplete", true}, {"miniBatchesCreated", 4}, {"miniBatchesProcessed", 4}};
  cluster.settle();
  EXPECT_EQ(cluster.names(), kOrchestrator);
  cluster.job["status"]["progress"]["miniBatchesProcessed"] = 3;
  cluster.settle();
  EXPECT_EQ(cluster.names().size(), 4U);
}

TEST(Reuse, WorkersDoNotWaitForEver) {
  Cluster cluster;
  cluster.earlier_runs = {alike()};
  cluster.settle();
  const auto again = cluster.decision().again_at;
  ASSERT_TRUE(again);
  cluster.after(std::chrono::duration_cast<std::chrono::milliseconds>(*again - cluster.now)).settle();
  EXPECT_EQ(cluster.names().size(), 4U);
}

TEST(Reuse, NorForAnOrchestratorThatHasEnded) {
  Cluster cluster;
  cluster.earlier_runs = {alike()};
  cluster.settle();
  cluster.run_all().exit("digits-orchestrator-0", 137).settle();
  EXPECT_EQ(cluster.names().size(), 4U);
  // Its successor is offered the same.
  cluster.after(seconds(60));
  EXPECT_THAT(jobs_in(offered(cluster.decision())), ElementsAre("first"));
}

TEST(Reuse, WorkersStartAtOnceWhereNoSpecIsTheSame) {
  Cluster cluster;
  cluster.earlier_runs = {other("a"), other("b")};
  EXPECT_THAT(jobs_in(offered(cluster.decision())), ElementsAre("a", "b"));
  cluster.settle();
  EXPECT_EQ(cluster.names().size(), 4U);
}

TEST(Reuse, SixteenOfTheSameSpecAndFourOthersAreOffered) {
  Cluster cluster;
  for (int i = 0; i < 40; ++i) {
    cluster.earlier_runs.push_back(other("other" + std::to_string(i)));
    cluster.earlier_runs.push_back(alike("alike" + std::to_string(i)));
  }
  const std::vector<std::string> names = jobs_in(offered(cluster.decision()));
  ASSERT_EQ(names.size(), 20U);
  EXPECT_EQ(names.front(), "alike0");
  EXPECT_EQ(names[15], "alike15");
  EXPECT_EQ(names.back(), "other3");
}

TEST(Reuse, NamesOfAnyLengthFitIntoAVariable) {
  Cluster cluster;
  for (int i = 0; i < 16; ++i) {
    cluster.earlier_runs.push_back(alike());
    cluster.earlier_runs.back().sub_path = std::string(4096, '\x01');
  }
  const Plan plan = cluster.decision();
  EXPECT_THAT(jobs_in(offered(plan)), ElementsAre("first"));
  EXPECT_LT(plan.create.front().earlier_runs.size(), 40'000U);
}

TEST(Reuse, NothingInItIsAReferenceOfAKubelet) {
  Cluster cluster;
  cluster.earlier_runs = {alike()};
  cluster.earlier_runs[0].sub_path = "$(HOME)/$$x";
  const Plan plan = cluster.decision();
  EXPECT_EQ(plan.create.front().earlier_runs.find('$'), std::string::npos);
  EXPECT_EQ(offered(plan)[0]["subPath"], "$(HOME)/$$x");
}

TEST(Reuse, NothingIsOfferedToAJobThatIsNotToReuseOrHasBegun) {
  Cluster cluster;
  cluster.earlier_runs = {alike()};
  cluster.edit("allowReuse", false);
  EXPECT_TRUE(offered(cluster.decision()).is_null());
  cluster.settle();
  EXPECT_EQ(cluster.names().size(), 4U);

  Cluster stored;
  stored.earlier_runs = {alike()};
  stored.edit("output", {{"source", {{"s3", {{"bucket", "results"}}}}}});
  EXPECT_TRUE(offered(stored.decision()).is_null());

  Cluster begun;
  begun.bring_up();
  begun.job["status"]["progress"] = progress();
  begun.earlier_runs = {alike()};
  begun.exit("digits-orchestrator-0", 137).settle();
  begun.after(seconds(60));
  EXPECT_TRUE(offered(begun.decision()).is_null());
}

TEST(Reuse, StatusSaysWhoseResultsTheJobHas) {
  Cluster cluster;
  cluster.earlier_runs = {alike()};
  cluster.settle();
  const json message = {{"state", "Complete"},
                        {"reason", "Reused"},
                        {"message", "Reused the results of job 'first'"},
                        {"reusedFrom", "first"},
                        {"runRecord", kRecord}};
  cluster.run_all().after(seconds(5)).exit("digits-orchestrator-0", 0, message.dump()).settle();
  EXPECT_EQ(cluster.condition("Complete"), "True/Reused");
  EXPECT_EQ(cluster.condition("Reused"), "True/Reused");
  EXPECT_EQ(cluster.job["status"]["reuse"]["from"], "first");
  EXPECT_EQ(cluster.job["status"]["reuse"]["record"], kRecord);
  EXPECT_EQ(cluster.job["status"]["reuse"]["spec"], spec_of(a_job()));
  EXPECT_EQ(cluster.state(), "Complete");
  EXPECT_EQ(cluster.message(), "Reused the results of job 'first'");
}

TEST(Reuse, OrWhyItHasNoneOfAnother) {
  Cluster cluster;
  cluster.bring_up();
  json message = {{"state", "Complete"}, {"reason", "Completed"}, {"notReused", "a.txt changed"}};
  message["runRecord"] = "no digest";
  cluster.exit("digits-orchestrator-0", 0, message.dump()).settle();
  EXPECT_EQ(cluster.condition("Complete"), "True/Completed");
  EXPECT_EQ(cluster.condition("Reused"), "False/NothingReused");
  EXPECT_FALSE(cluster.job["status"]["reuse"].contains("record"));
  EXPECT_FALSE(cluster.job["status"]["reuse"].contains("from"));
}

// The orchestrator has read the spec of its start, and knows nothing of what the last workers read.
TEST(Reuse, VolumesThatScriptsGotLaterLeaveNothingToReuse) {
  Cluster cluster;
  cluster.bring_up();
  cluster.job["spec"]["worker"]["volumes"] = {{{"name", "more"}, {"hostPath", {{"path", "/data"}}}}};
  const json message = {{"state", "Complete"}, {"reason", "Completed"}, {"runRecord", kRecord}};
  cluster.exit("digits-orchestrator-0", 0, message.dump()).settle();
  EXPECT_EQ(cluster.state(), "Complete");
  EXPECT_FALSE(cluster.job["status"]["reuse"].contains("record"));
}

TEST(Reuse, AFailureLeavesNothingToReuse) {
  Cluster cluster;
  cluster.bring_up();
  const json message = {{"state", "Failed"}, {"reason", "ScriptFailed"}, {"runRecord", kRecord}};
  cluster.exit("digits-orchestrator-0", 1, message.dump()).settle();
  EXPECT_EQ(cluster.state(), "Failed");
  EXPECT_EQ(cluster.condition("Reused"), "");
  EXPECT_FALSE(cluster.job["status"]["reuse"].contains("record"));
}

}  // namespace
}  // namespace parallelrun::op
