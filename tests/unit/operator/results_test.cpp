// What the operator believes of a termination message.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster_model.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

struct Row {
  const char* name;
  int exit_code;
  std::string message;
  std::string condition;  // Complete=..., Failed=... or empty: not believed
};

std::vector<Row> rows() {
  const std::string long_text(5000, 'x');
  return {
      {"complete", 0, said("Complete", "Completed", "10 items"), "Complete=True/Completed"},
      {"found complete", 0, said("Complete", "AlreadyComplete", ""), "Complete=True/AlreadyComplete"},
      {"complete without a reason", 0, R"({"state": "Complete"})", "Complete=True/Completed"},
      {"of a newer runner", 0, R"({"state": "Complete", "reason": "Completed", "new": {"a": [1]}})",
       "Complete=True/Completed"},
      {"threshold", 1, said("Failed", "ErrorThresholdExceeded", "11 failed"),
       "Failed=True/ErrorThresholdExceeded"},
      {"script", 1, said("Failed", "ScriptFailed", "no module named x"), "Failed=True/ScriptFailed"},
      {"refused", 2, said("Failed", "Refused", "another job's results"), "Failed=True/Refused"},
      {"a reason that is a sentence", 1, said("Failed", "it went wrong", "m"), "Failed=True/JobFailed"},
      {"a reason that is too long", 1, said("Failed", std::string(65, 'a'), "m"), "Failed=True/JobFailed"},
      {"no reason", 1, said("Failed", "", "m"), "Failed=True/JobFailed"},
      {"members of wrong types", 1, R"({"state": "Failed", "reason": 7, "message": ["m"]})",
       "Failed=True/JobFailed"},
      {"interrupted", 130, said("Interrupted", "Stopped", ""), ""},
      {"output failed", 1, said("Failed", "OutputFailed", "no space"), ""},
      {"says complete, exits 1", 1, said("Complete", "Completed", ""), ""},
      {"says failed, exits 0", 0, said("Failed", "ScriptFailed", ""), ""},
      {"says failed, was killed", 137, said("Failed", "ScriptFailed", ""), ""},
      {"nothing", 1, "", ""},
      {"another program's words", 1, "Segmentation fault", ""},
      {"JSON of another program", 0, R"({"level": "info"})", ""},
      {"a state it does not know", 0, R"({"state": "Perfect"})", ""},
      {"a list", 0, R"(["Complete"])", ""},
      {"cut off", 0, said("Complete", "Completed", "10 items").substr(0, 30), ""},
      {"longer than a kubelet keeps", 0, said("Complete", "Completed", long_text), ""},
      {"broken UTF-8", 0, "{\"state\": \"Complete\", \"message\": \"\xff\"}", ""},
  };
}

TEST(Results, OneRowEach) {
  for (const Row& row : rows()) {
    SCOPED_TRACE(row.name);
    for (const bool sidecar : {false, true}) {
      Cluster cluster;
      cluster.bring_up();
      cluster.after(seconds(30));
      if (sidecar) {
        cluster.runner_exits("digits-orchestrator-0", row.exit_code, row.message);
      } else {
        cluster.exit("digits-orchestrator-0", row.exit_code, row.message);
      }
      cluster.settle();
      std::string condition;
      for (const char* type : {"Complete", "Failed"}) {
        if (const std::string found = cluster.condition(type); !found.empty())
          condition += type + ("=" + found);
      }
      EXPECT_EQ(condition, row.condition);
      EXPECT_EQ(cluster.job["status"].value("infrastructureFailures", 0), row.condition.empty() ? 1 : 0);
    }
  }
}

TEST(Results, AFailureSaysWhatAndWhereToRead) {
  Cluster cluster;
  cluster.bring_up();
  const json message = {{"state", "Failed"},
                        {"reason", "ErrorThresholdExceeded"},
                        {"message", "11 items failed, errorThreshold is 10"},
                        {"firstError", "ValueError: no digit"},
                        {"logs", "digits/logs"}};
  cluster.exit("digits-orchestrator-0", 1, message.dump()).settle();
  EXPECT_EQ(cluster.message(),
            "11 items failed, errorThreshold is 10; first error: ValueError: no digit. See kubectl logs "
            "digits-orchestrator-0, and digits/logs on the output volume");
}

TEST(Results, AFailureSaysWhereInAStoreToRead) {
  Cluster cluster;
  cluster.bring_up();
  const json message = {{"state", "Failed"},
                        {"reason", "ErrorThresholdExceeded"},
                        {"message", "11 items failed, errorThreshold is 10"},
                        {"logs", "s3://results/digits/logs"}};
  cluster.exit("digits-orchestrator-0", 1, message.dump()).settle();
  EXPECT_THAT(cluster.message(),
              testing::EndsWith("See kubectl logs digits-orchestrator-0, and s3://results/digits/logs"));
}

TEST(Results, TheFirstErrorIsNotSaidTwice) {
  Cluster cluster;
  cluster.bring_up();
  const json message = {
      {"state", "Failed"}, {"message", "nothing succeeded; first error: E: x"}, {"firstError", "E: x"}};
  cluster.exit("digits-orchestrator-0", 1, message.dump()).settle();
  EXPECT_EQ(cluster.message().find("first error"), cluster.message().rfind("first error"));
}

TEST(Results, ARefusalWroteNoLogs) {
  Cluster cluster;
  cluster.bring_up();
  cluster.exit("digits-orchestrator-0", 2, said("Failed", "Refused", "another job's results are there"))
      .settle();
  EXPECT_THAT(cluster.message(), Not(HasSubstr("output volume")));
}

json counted(int done) {
  return {{"miniBatchesCreated", 8},
          {"miniBatchesProcessed", done},
          {"itemsTotal", 80},
          {"itemsSucceeded", done * 10},
          {"itemsFailed", 0}};
}

TEST(Results, CountsThatTheOrchestratorCouldNotWriteAreWrittenWithTheEnd) {
  Cluster cluster;
  cluster.bring_up();
  cluster.job["status"]["progress"] = counted(3);
  cluster.job["status"]["progress"]["miniBatchesLeased"] = 2;
  cluster.job["status"]["progress"]["ofANewerRunner"] = 1;
  const std::size_t before = cluster.status_writes;
  json message = counted(8);
  message["state"] = "Complete";
  cluster.exit("digits-orchestrator-0", 0, message.dump()).settle();
  EXPECT_EQ(cluster.status_writes, before + 1);
  json progress = cluster.job["status"]["progress"];
  EXPECT_EQ(progress["updateTime"], cluster.job["status"]["completionTime"]);
  progress.erase("updateTime");
  json expected = counted(8);
  expected["ofANewerRunner"] = 1;
  expected["percent"] = 100;
  expected["items"] = "80 / 80";
  EXPECT_EQ(progress, expected);
}

TEST(Results, ProgressThatAgreesStaysTheOrchestrators) {
  Cluster cluster;
  cluster.bring_up();
  json message = counted(8);
  cluster.job["status"]["progress"] = message;
  cluster.job["status"]["progress"]["ofANewerRunner"] = 1;
  const json before = cluster.job["status"]["progress"];
  message["state"] = "Complete";
  cluster.exit("digits-orchestrator-0", 0, message.dump()).settle();
  EXPECT_EQ(cluster.state(), "Complete");
  EXPECT_EQ(cluster.job["status"]["progress"], before);
}

TEST(Results, WorkersAreNotBelieved) {
  Cluster cluster;
  cluster.bring_up();
  cluster.after(seconds(30)).exit("digits-worker-0-0", 0, said("Complete", "Completed", "")).settle();
  EXPECT_EQ(cluster.condition("Complete"), "");
}

TEST(Results, APodOfAnEarlierJobIsNotBelieved) {
  Cluster cluster;
  cluster.bring_up();
  cluster.foreign_pod("digits-orchestrator-7", Role::kOrchestrator);
  cluster.exit("digits-orchestrator-7", 0, said("Complete", "Completed", "")).settle();
  EXPECT_EQ(cluster.condition("Complete"), "");
}

}  // namespace
}  // namespace parallelrun::op
