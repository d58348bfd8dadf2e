// Which jobs of a namespace have results that another one may reuse.
#include "operator/controller/finished_runs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace parallelrun::op {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::IsEmpty;

class FinishedRunsOf : public testing::Test {
 protected:
  static json job(const std::string& name, const char* claim = "results", const char* name_space = "team") {
    return {
        {"metadata", {{"name", name}, {"namespace", name_space}}},
        {"spec",
         {{"output",
           {{"source", {{"persistentVolumeClaim", {{"claimName", claim}}}, {"subPath", "out/" + name}}}}}}}};
  }
  static json complete(json job, const std::string& at = "2026-01-01T00:00:00Z") {
    job["status"] = {{"state", "Complete"},
                     {"completionTime", at},
                     {"reuse", {{"spec", "s"}, {"record", "r-" + job["metadata"].value("name", "")}}}};
    return job;
  }
  void see(const json& job) {
    runs_.job_changed({job["metadata"]["namespace"], job["metadata"]["name"]}, &job);
  }
  std::vector<std::string> offered(const json& job, std::vector<PodView> pods = {}) const {
    Snapshot snapshot;
    snapshot.job = job;
    snapshot.pods = std::move(pods);
    std::vector<std::string> found;
    for (const EarlierRun& run : runs_.for_job(snapshot))
      found.push_back(run.job + " " + run.sub_path + " " + run.spec + " " + run.record);
    return found;
  }

  FinishedRuns runs_;
};

TEST_F(FinishedRunsOf, TheNewestOfTheSameVolumeFirst) {
  see(complete(job("a"), "2026-01-01T00:00:00Z"));
  see(complete(job("b"), "2026-01-03T00:00:00Z"));
  see(complete(job("c"), "2026-01-02T00:00:00Z"));
  see(complete(job("d", "another")));
  EXPECT_THAT(offered(job("new")), ElementsAre("b out/b s r-b", "c out/c s r-c", "a out/a s r-a"));
  EXPECT_THAT(offered(job("new", "another")), ElementsAre("d out/d s r-d"));
  EXPECT_THAT(offered(job("new", "none")), IsEmpty());
}

TEST_F(FinishedRunsOf, AnotherNamespaceHasNone) {
  see(complete(job("a")));
  EXPECT_THAT(offered(job("new", "results", "other")), IsEmpty());
}

TEST_F(FinishedRunsOf, OnlyThoseThatHaveLeftSomething) {
  see(job("waits"));
  json failed = complete(job("failed"));
  failed["status"]["state"] = "Failed";
  see(failed);
  json old = complete(job("old"));
  old["status"].erase("reuse");
  see(old);
  EXPECT_THAT(offered(job("new")), IsEmpty());
}

TEST_F(FinishedRunsOf, WhatIsGoneIsForgotten) {
  see(complete(job("a")));
  runs_.job_changed({"team", "a"}, nullptr);
  EXPECT_THAT(offered(job("new")), IsEmpty());
  // Made anew under its name, on another volume.
  see(complete(job("a")));
  see(complete(job("a", "another")));
  EXPECT_THAT(offered(job("new")), IsEmpty());
  EXPECT_EQ(offered(job("new", "another")).size(), 1U);
  see(job("a", "another"));
  EXPECT_THAT(offered(job("new", "another")), IsEmpty());
}

TEST_F(FinishedRunsOf, AJobWithAnOrchestratorOrAtItsEndNeedsNone) {
  see(complete(job("a")));
  PodView pod;
  pod.role = Role::kOrchestrator;
  pod.phase = "Running";
  EXPECT_THAT(offered(job("new"), {pod}), IsEmpty());
  pod.phase = "Failed";
  EXPECT_EQ(offered(job("new"), {pod}).size(), 1U);
  EXPECT_THAT(offered(complete(job("done"))), IsEmpty());
  EXPECT_THAT(offered(complete(job("a"))), IsEmpty());
}

}  // namespace
}  // namespace parallelrun::op
