#include "runner/cluster/job_view.h"

#include <gtest/gtest.h>

#include "common/time/rfc3339.h"

namespace parallelrun::cluster {
namespace {

using nlohmann::json;

std::chrono::system_clock::time_point at(const char* text) {
  return std::chrono::time_point_cast<std::chrono::system_clock::duration>(*parse_rfc3339(text));
}

json object() {
  return json::parse(R"({
    "metadata": {"name": "digits", "namespace": "team", "uid": "u1"},
    "spec": {"nodeCount": 3, "suspend": false,
             "output": {"source": {"persistentVolumeClaim": {"claimName": "results"}, "subPath": "digits"}}},
    "status": {"state": "Running", "message": "1 of 3 workers runs", "readyReplicas": 1,
               "startTime": "2026-01-01T00:00:00Z", "progress": {"miniBatchesCreated": 4},
               "conditions": [{"type": "Running", "status": "True", "reason": "WorkersMissing", "message": "m",
                               "lastTransitionTime": "2026-01-01T00:00:05Z"}]}})");
}

TEST(JobView, OfARunningJob) {
  const JobView job = job_view(object());
  EXPECT_EQ(in_words(job), "digits: Running (WorkersMissing): 1 of 3 workers runs");
  EXPECT_EQ(job.output, "persistentVolumeClaim results, folder digits");
  EXPECT_EQ(job.output_file, "parallel_run_step.txt");
  EXPECT_EQ(job.elapsed(at("2026-01-01T00:01:00Z")), std::chrono::seconds(60));
  const json shown = to_json(job);
  EXPECT_EQ(shown["miniBatchesCreated"], 4);
  EXPECT_EQ(shown["nodesReady"], 1);
  EXPECT_EQ(shown["conditions"][0]["reason"], "WorkersMissing");
}

TEST(JobView, OfAJobWhoseOutputIsInAStore) {
  json stored = object();
  EXPECT_FALSE(job_view(stored).output_in_store);
  stored["spec"]["output"]["source"] = {{"s3", {{"bucket", "results"}, {"prefix", "digits"}}}};
  EXPECT_EQ(job_view(stored).output, "s3://results/digits");
  EXPECT_TRUE(job_view(stored).output_in_store);
}

TEST(JobView, AnEndedJobTookUntilItsEnd) {
  json ended = object();
  ended["status"]["state"] = "Complete";
  ended["status"]["message"] = "9 of 10 items succeeded";
  ended["status"]["completionTime"] = "2026-01-01T00:02:00Z";
  ended["status"]["conditions"].push_back(
      {{"type", "Complete"}, {"status", "True"}, {"reason", "CompletedWithFailures"}});
  const JobView job = job_view(ended);
  EXPECT_TRUE(job.ended());
  EXPECT_EQ(in_words(job), "digits: Complete (CompletedWithFailures): 9 of 10 items succeeded");
  EXPECT_EQ(job.elapsed(at("2026-02-01T00:00:00Z")), std::chrono::seconds(120));
}

TEST(JobView, WhatNoOperatorHasSeenIsPending) {
  const JobView job = job_view({{"metadata", {{"name", "new"}}}, {"spec", json::object()}});
  EXPECT_EQ(in_words(job), "new: Pending");
  EXPECT_EQ(job.elapsed(at("2026-02-01T00:00:00Z")), std::chrono::seconds(0));
}

TEST(JobView, AnythingElseReadsAsEmpty) {
  for (const json& odd : {json(), json(3), json::array(), json{{"status", 1}, {"spec", {{"nodeCount", "x"}}}},
                          json{{"status", {{"conditions", {{"type", 1}}}, {"progress", "x"}}}}}) {
    EXPECT_EQ(job_view(odd).state, "Pending");
    EXPECT_TRUE(to_json(job_view(odd)).is_object());
  }
}

TEST(PodView, TellsWhyAPodDoesNotRun) {
  json pod = {{"metadata", {{"name", "p"}, {"labels", {{"parallelrun.dev/role", "worker"}}}}},
              {"status", {{"phase", "Pending"}}}};
  EXPECT_EQ(pod_view(pod).phase, "Pending");
  pod["status"]["conditions"] =
      json::array({{{"type", "PodScheduled"}, {"status", "False"}, {"reason", "Unschedulable"}}});
  EXPECT_EQ(pod_view(pod).phase, "Unschedulable");
  pod["status"]["containerStatuses"] =
      json::array({{{"state", {{"waiting", {{"reason", "ImagePullBackOff"}}}}}}});
  EXPECT_EQ(pod_view(pod).phase, "ImagePullBackOff");
  pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z";
  EXPECT_EQ(pod_view(pod).phase, "Terminating");
}

}  // namespace
}  // namespace parallelrun::cluster
