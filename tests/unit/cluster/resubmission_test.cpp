#include "runner/cluster/resubmission.h"

#include <gtest/gtest.h>

namespace parallelrun::cluster {
namespace {

using nlohmann::json;

json a_job() {
  return json::parse(R"({
    "apiVersion": "parallelrun.dev/v1alpha1", "kind": "ParallelRunJob",
    "metadata": {"name": "digits", "namespace": "team", "uid": "u", "resourceVersion": "7", "generation": 2,
                 "creationTimestamp": "2026-01-01T00:00:00Z", "labels": {"team": "a"},
                 "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "note": "mine"},
                 "managedFields": []},
    "spec": {"entryScript": "run.py", "suspend": false, "miniBatchSize": 5,
             "inputs": [{"name": "images", "source": {"dataset": {"name": "mnist"}}},
                        {"name": "others", "source": {"dataset": {"name": "mnist", "version": 1}}}],
             "output": {"source": {"persistentVolumeClaim": {"claimName": "results"}, "subPath": "2026/digits/"}}},
    "status": {"state": "Complete", "datasets": [{"name": "mnist", "version": 4, "type": "file"}]}})");
}

TEST(Resubmission, IsTheSameJobWithAPlaceOfItsOwn) {
  const json made = resubmission_of(a_job(), "digits-2", 2);
  EXPECT_EQ(made["metadata"],
            json::parse(R"({"name": "digits-2", "namespace": "team", "labels": {"team": "a"},
                                              "annotations": {"note": "mine"}})"));
  json spec = a_job()["spec"];
  spec.erase("suspend");
  spec["resubmissionOf"] = "digits";
  spec["output"]["source"]["subPath"] = "2026/digits-2";
  spec["inputs"][0]["source"]["dataset"]["version"] = 4;  // the data that it had
  EXPECT_EQ(made["spec"], spec);
  EXPECT_FALSE(made.contains("status"));
  EXPECT_TRUE(same_output_volume(made, a_job()));
  json other = a_job();
  other["spec"]["output"]["source"]["persistentVolumeClaim"]["claimName"] = "others";
  EXPECT_FALSE(same_output_volume(made, other));
}

TEST(Resubmission, ANameOfTheUsersIsThatOfTheFolder) {
  const auto folder = [](const json& made) { return made["spec"]["output"]["source"]["subPath"]; };
  EXPECT_EQ(folder(resubmission_of(a_job(), "again", std::nullopt)), "2026/again");
  json root = a_job();
  root["spec"]["output"]["source"].erase("subPath");
  EXPECT_EQ(folder(resubmission_of(root, "digits-2", 2)), "digits-2");
  root["spec"]["output"]["source"]["subPath"] = "out";
  EXPECT_EQ(folder(resubmission_of(root, "again", std::nullopt)), "again");
}

TEST(Resubmission, NumbersGoOn) {
  json job = a_job();
  EXPECT_EQ(resubmission_name(job, 2), "digits-2");
  // A number that the user gave is a part of the name; ours is counted on.
  job["metadata"]["name"] = "digits-7";
  EXPECT_EQ(resubmission_name(job, 2), "digits-7-2");
  job["spec"]["resubmissionOf"] = "digits";
  job["spec"]["output"]["source"]["subPath"] = "2026/digits-7";
  EXPECT_EQ(resubmission_name(job, 8), "digits-8");
  EXPECT_EQ(resubmission_of(job, "digits-8", 8)["spec"]["output"]["source"]["subPath"], "2026/digits-8");
  job["metadata"]["name"] = "a23456789-123456789-123456789-12";
  job["spec"].erase("resubmissionOf");
  EXPECT_EQ(resubmission_name(job, 2), "a23456789-123456789-123456789-2");
  EXPECT_EQ(resubmission_name(job, 10), "a23456789-123456789-123456789-10");
}

}  // namespace
}  // namespace parallelrun::cluster
