#include <gtest/gtest.h>

#include "operator/controller/job_record.h"
#include "operator/controller/pod_record.h"
#include "operator/controller/snapshot_reader.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;

json pod() {
  return json::parse(R"({
    "metadata": {"name": "d-worker-1-2", "namespace": "ns", "uid": "pu", "resourceVersion": "7",
      "creationTimestamp": "2026-01-01T00:00:10Z", "deletionTimestamp": "2026-01-01T00:01:00Z",
      "annotations": {"parallelrun.dev/secret-generation": "3"},
      "labels": {"parallelrun.dev/job": "d", "parallelrun.dev/role": "worker", "parallelrun.dev/index": "1",
                 "parallelrun.dev/incarnation": "2"},
      "ownerReferences": [{"uid": "other"}, {"uid": "ju", "controller": true}], "managedFields": [{}]},
    "spec": {"nodeName": "n1", "containers": [{"name": "runner"}]},
    "status": {"phase": "Failed", "reason": "Evicted", "message": "low on memory",
      "conditions": [{"type": "Ready", "status": "False"}, {"type": "DisruptionTarget", "status": "True"},
                     {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3"}],
      "initContainerStatuses": [{"name": "install-runner", "state": {"terminated": {"exitCode": 0}}}],
      "containerStatuses": [
        {"name": "sidecar", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no image"}}},
        {"name": "runner", "state": {"terminated": {"exitCode": 137, "reason": "OOMKilled", "message": "m",
          "startedAt": "2026-01-01T00:00:20Z", "finishedAt": "2026-01-01T00:00:30Z"}}}]}})");
}

PodView with_data(const char* container) {
  json record = pod();
  record["status"]["containerStatuses"] = json::array();
  record["status"]["initContainerStatuses"] = json::array({json::parse(container)});
  to_pod_record(record);
  return pod_view({"ns", "d-worker-1-2"}, "pu", record, "ju");
}

TEST(PodRecord, WhyTheContainerThatReadsStoresDoesNotServe) {
  // As kubelets tell it: it has failed, it waits for its next start, it has begun again and is not ready.
  const char* ended = R"({"name": "data", "started": false,
      "state": {"terminated": {"exitCode": 1, "message": "s3://b refuses the credentials"}}})";
  const char* waits = R"({"name": "data", "started": false,
      "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 20s restarting failed container"}},
      "lastState": {"terminated": {"exitCode": 1, "message": "s3://b refuses the credentials"}}})";
  const char* again = R"({"name": "data", "started": false, "state": {"running": {}},
      "lastState": {"terminated": {"exitCode": 1, "message": "s3://b refuses the credentials"}}})";
  for (const char* container : {ended, waits, again}) {
    const PodView view = with_data(container);
    EXPECT_EQ(view.data_trouble, "s3://b refuses the credentials");
    EXPECT_EQ(view.waiting_reason, "");
  }
  EXPECT_EQ(
      with_data(R"({"name": "data", "state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}})")
          .data_trouble,
      "OOMKilled, exit code 137");
  // It serves again; it has ended after the runner; it is another container.
  for (
      const char* container :
      {R"({"name": "data", "started": true, "state": {"running": {}}, "lastState": {"terminated": {"exitCode": 1, "message": "m"}}})",
       R"({"name": "data", "started": false, "state": {"terminated": {"exitCode": 0}}})",
       R"({"name": "install-runner", "state": {"terminated": {"exitCode": 1, "message": "m"}}})"})
    EXPECT_EQ(with_data(container).data_trouble, "") << container;
  // Before it has run at all, what keeps it from running is told as of any container.
  EXPECT_EQ(with_data(R"({"name": "data", "state": {"waiting": {"reason": "ErrImagePull"}}})").waiting_reason,
            "ErrImagePull");
}

TEST(PodRecord, HoldsWhatADecisionNeeds) {
  json record = pod();
  to_pod_record(record);
  EXPECT_EQ(job_of_record(record), "d");
  EXPECT_EQ(secret_generation_of_record(record), 3);
  const PodView view = pod_view({"ns", "d-worker-1-2"}, "pu", record, "ju");
  const auto at = [](int seconds) { return WallTime(std::chrono::seconds(1767225600 + seconds)); };
  EXPECT_EQ(view.name, "d-worker-1-2");
  EXPECT_EQ(view.uid, "pu");
  EXPECT_EQ(view.role, Role::kWorker);
  EXPECT_EQ(view.index, 1U);
  EXPECT_EQ(view.incarnation, 2U);
  EXPECT_TRUE(view.owned);
  EXPECT_TRUE(view.deleting);
  EXPECT_EQ(view.created, at(10));
  EXPECT_EQ(view.node, "n1");
  EXPECT_EQ(view.phase, "Failed");
  EXPECT_EQ(view.reason, "Evicted");
  EXPECT_EQ(view.message, "low on memory");
  EXPECT_FALSE(view.ready);
  EXPECT_TRUE(view.disrupted);
  EXPECT_EQ(view.unscheduled_reason, "Unschedulable");
  EXPECT_EQ(view.unscheduled_message, "0/3");
  EXPECT_EQ(view.waiting_reason, "ImagePullBackOff");
  ASSERT_TRUE(view.ended);
  EXPECT_EQ(view.ended->exit_code, 137);
  EXPECT_EQ(view.ended->reason, "OOMKilled");
  EXPECT_EQ(view.ended->message, "m");
  EXPECT_EQ(view.ended->started, at(20));
  EXPECT_EQ(view.ended->finished, at(30));
  EXPECT_FALSE(pod_view({"ns", "d-worker-1-2"}, "pu", record, "another job").owned);
}

TEST(PodRecord, IsSmall) {
  json record = pod();
  to_pod_record(record);
  EXPECT_LT(kube::PackedJson(record).size(), 450U);
}

TEST(PodRecord, OrdinaryWaitsAreNone) {
  json record = {{"status",
                  {{"containerStatuses",
                    {{{"name", "runner"}, {"state", {{"waiting", {{"reason", "ContainerCreating"}}}}}}}}}}};
  to_pod_record(record);
  EXPECT_EQ(pod_view({"ns", "a"}, "", record, "").waiting_reason, "");
}

TEST(PodRecord, NonsenseIsAnEmptyView) {
  for (const char* text : {"{}", R"({"metadata": 3, "status": []})", R"({"status": {"conditions": {}}})",
                           R"({"metadata": {"labels": {"parallelrun.dev/index": "-1x"}}})"}) {
    json record = json::parse(text);
    to_pod_record(record);
    const PodView view = pod_view({"ns", "a"}, "u", record, "j");
    EXPECT_EQ(view.index, 0U) << text;
    EXPECT_FALSE(view.owned) << text;
    EXPECT_EQ(secret_generation_of_record(record), -1) << text;
  }
}

TEST(JobRecord, LosesOnlyWhatNobodyReads) {
  json job = json::parse(R"({"metadata": {"name": "d", "managedFields": [1],
    "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "a": "b"}},
    "spec": {"newField": 1}})");
  to_job_record(job);
  EXPECT_EQ(
      job, json::parse(R"({"metadata": {"name": "d", "annotations": {"a": "b"}}, "spec": {"newField": 1}})"));
}

TEST(JobRecord, ProgressAloneIsNoChange) {
  const json before =
      json::parse(R"({"metadata": {"resourceVersion": "1"}, "status": {"progress": {"a": 1}}})");
  json after = json::parse(R"({"metadata": {"resourceVersion": "2"}, "status": {"progress": {"a": 2}}})");
  EXPECT_TRUE(same_but_progress(before, after));
  after["status"]["state"] = "Running";
  EXPECT_FALSE(same_but_progress(before, after));
}

TEST(JobRecord, WorkGrowsAndNeverShrinks) {
  const WorkCounts before = work_counts({{"itemsSucceeded", 5}, {"miniBatchSecondsTotal", 1.5}});
  const WorkCounts now =
      work_counts({{"itemsSucceeded", 7}, {"itemsFailed", 1}, {"miniBatchSecondsTotal", 2}});
  EXPECT_EQ(growth(before, now), (WorkCounts{2, 1, 0, 0, 0.5}));
  EXPECT_EQ(growth(now, before), WorkCounts{});
  EXPECT_EQ(work_counts("nonsense"), WorkCounts{});
  EXPECT_EQ(work_counts({{"itemsSucceeded", -3}, {"itemsFailed", "x"}}), WorkCounts{});
}

TEST(JobKey, IsNamespaceAndName) {
  EXPECT_EQ(key_text({"ns", "d"}), "ns/d");
  EXPECT_EQ(key_of("ns/d"), (kube::ObjectKey{"ns", "d"}));
}

}  // namespace
}  // namespace parallelrun::op
