#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/pod/pod_layout.h"
#include "runner/cluster/look_end.h"
#include "runner/cluster/look_pod.h"

namespace parallelrun::cluster {
namespace {

using nlohmann::json;
using testing::HasSubstr;

json job() {
  return json::parse(R"({
    "apiVersion": "parallelrun.dev/v1alpha1", "kind": "ParallelRunJob",
    "metadata": {"name": "digits", "namespace": "team", "uid": "u1"},
    "spec": {"entryScript": "score.py", "sourceDirectory": {"configMap": {"name": "code"}},
             "inputs": [{"name": "images", "type": "file", "source": {"persistentVolumeClaim": {"claimName": "data"}}}],
             "output": {"source": {"persistentVolumeClaim": {"claimName": "results"}, "subPath": "out/digits"}},
             "outputAction": "append_row", "nodeCount": 1,
             "orchestrator": {"nodeSelector": {"disk": "fast"}, "securityContext": {"runAsUser": 1000, "fsGroup": 1000},
                              "imagePullSecrets": [{"name": "own"}]}},
    "status": {"state": "Complete", "runnerImage": "registry/runner:1"}})");
}

json orchestrator(const std::string& phase) {
  return {{"metadata", {{"labels", {{"parallelrun.dev/role", "orchestrator"}}}}},
          {"spec", {{"nodeName", "node-7"}, {"imagePullSecrets", json::array({{{"name", "theirs"}}})}}},
          {"status", {{"phase", phase}}}};
}

LookRequest request() {
  return {.pod = "digits-look-1", .verb = "logs", .arguments = {"--", "user/error.txt"}, .mounts = {}};
}

TEST(LookPod, MountsTheOutputReadOnlyAndRunsTheVerbOnIt) {
  const auto made = look_pod(job(), {}, request());
  ASSERT_TRUE(made) << made.error().message;
  const json& pod = *made;
  const json& container = pod["spec"]["containers"][0];
  EXPECT_EQ(container["image"], "registry/runner:1");
  EXPECT_EQ(container["command"], json::array({pod::kProgram}));
  EXPECT_EQ(container["args"],
            json::array({"look", "--", "logs", "/parallelrun/output/out/digits", "--", "user/error.txt"}));
  ASSERT_EQ(container["volumeMounts"].size(), 1U);
  EXPECT_EQ(container["volumeMounts"][0]["readOnly"], true);
  EXPECT_EQ(container["volumeMounts"][0]["mountPath"], pod::kOutput);
  // The code and the input are not his business.
  ASSERT_EQ(pod["spec"]["volumes"].size(), 1U);
  EXPECT_EQ(pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"], "results");
}

TEST(LookPod, MountsWhatElseIsAskedForReadOnlyAndEachVolumeOnce) {
  LookRequest more = request();
  const json data = {{"persistentVolumeClaim", {{"claimName", "data"}}}};
  const json results = {{"persistentVolumeClaim", {{"claimName", "results"}}}};
  more.mounts = {{data, "/parallelrun/inputs/images", ""},
                 {data, "/parallelrun/side-inputs/labels", "labels"},
                 {results, "/parallelrun/side-inputs/model", ""}};
  const json pod = *look_pod(job(), {}, more);
  const json& volumes = pod["spec"]["volumes"];
  ASSERT_EQ(volumes.size(), 2U) << volumes;
  EXPECT_EQ(volumes[1]["persistentVolumeClaim"]["claimName"], "data");
  const json& mounts = pod["spec"]["containers"][0]["volumeMounts"];
  ASSERT_EQ(mounts.size(), 4U);
  for (const json& mount : mounts) EXPECT_EQ(mount["readOnly"], true);
  EXPECT_EQ(mounts[1]["name"], volumes[1]["name"]);
  EXPECT_EQ(mounts[2]["name"], volumes[1]["name"]);
  EXPECT_EQ(mounts[2]["subPath"], "labels");
  EXPECT_EQ(mounts[3]["name"], volumes[0]["name"]);
}

TEST(LookPod, HasNoRightsAndGoesWithTheJob) {
  const json pod = *look_pod(job(), {}, request());
  const json& spec = pod["spec"];
  EXPECT_EQ(spec["automountServiceAccountToken"], false);
  EXPECT_EQ(spec["restartPolicy"], "Never");
  EXPECT_EQ(spec["activeDeadlineSeconds"], 3600);
  EXPECT_EQ(spec["securityContext"]["runAsNonRoot"], true);
  EXPECT_EQ(spec["securityContext"]["fsGroup"], 1000);
  EXPECT_EQ(spec["securityContext"]["fsGroupChangePolicy"], "OnRootMismatch");
  EXPECT_EQ(spec["securityContext"]["runAsUser"], 1000);  // who wrote the files can read them
  EXPECT_EQ(spec["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
  const json& security = spec["containers"][0]["securityContext"];
  EXPECT_EQ(security["readOnlyRootFilesystem"], true);
  EXPECT_EQ(security["allowPrivilegeEscalation"], false);
  EXPECT_EQ(security["capabilities"]["drop"], json::array({"ALL"}));
  EXPECT_EQ(pod["metadata"]["ownerReferences"][0]["uid"], "u1");
  // With this label the operator would take it for a pod of the job.
  EXPECT_FALSE(pod["metadata"]["labels"].contains("parallelrun.dev/job"));
}

TEST(LookPod, ComesUpWhereTheJobDoes) {
  const json pod = *look_pod(job(), {}, request());
  EXPECT_EQ(pod["spec"]["nodeSelector"]["disk"], "fast");
  EXPECT_EQ(pod["spec"]["imagePullSecrets"][0]["name"], "own");
  EXPECT_FALSE(pod["spec"].contains("affinity"));
  const json beside = *look_pod(job(), {orchestrator("Running")}, request());
  EXPECT_EQ(beside["spec"]["imagePullSecrets"][0]["name"], "theirs");
  EXPECT_THAT(beside["spec"]["affinity"].dump(), HasSubstr("node-7"));
  const json after = *look_pod(job(), {orchestrator("Succeeded")}, request());
  EXPECT_FALSE(after["spec"].contains("affinity"));
}

TEST(LookPod, WhatCannotBeLookedAtIsSaid) {
  json unstarted = job();
  unstarted["status"].erase("runnerImage");
  EXPECT_THAT(look_pod(unstarted, {}, request()).error().message, HasSubstr("has not started"));
}

json stored_job() {
  json stored = job();
  stored["spec"]["output"]["source"] = {
      {"s3", {{"bucket", "results"}, {"prefix", "digits"}, {"credentials", {{"secretName", "keys"}}}}}};
  stored["spec"]["environment"]["variables"] = {{"HTTPS_PROXY", "http://proxy:3128"}, {"OTHER", "1"}};
  return stored;
}

std::vector<std::string> mounted(const json& container) {
  std::vector<std::string> paths;
  for (const json& mount : container["volumeMounts"]) paths.push_back(mount["mountPath"]);
  return paths;
}

TEST(LookPod, OfAnOutputInAStoreOneContainerAloneHasTheSecret) {
  const auto made = look_pod(stored_job(), {}, request());
  ASSERT_TRUE(made) << made.error().message;
  const json& spec = (*made)["spec"];
  const json& runner = spec["containers"][0];
  const json& data = spec["initContainers"][0];
  EXPECT_THAT(mounted(runner), testing::UnorderedElementsAre("/parallelrun/output", "/parallelrun/fetched"));
  EXPECT_EQ(runner["volumeMounts"][1]["readOnly"], true);
  EXPECT_THAT(mounted(data),
              testing::UnorderedElementsAre("/parallelrun/fetched", "/parallelrun/credentials/output"));
  EXPECT_EQ(runner["args"], json::array({"look", "--stored=s3://results/digits", "--", "logs",
                                         "/parallelrun/output", "--", "user/error.txt"}));
  EXPECT_EQ(data["restartPolicy"], "Always");
  EXPECT_EQ(data["image"], runner["image"]);
  EXPECT_EQ(data["securityContext"], runner["securityContext"]);
  EXPECT_THAT(data["env"].dump(),
              testing::AllOf(HasSubstr("http://proxy:3128"), testing::Not(HasSubstr("OTHER"))));
  EXPECT_EQ(spec["automountServiceAccountToken"], false);
  EXPECT_FALSE(spec.contains("serviceAccountName"));
  for (const json& volume : spec["volumes"]) {
    EXPECT_TRUE(volume.contains("emptyDir") || volume["secret"]["secretName"] == "keys") << volume;
  }
}

TEST(LookPod, WithoutASecretItReadsAsTheOrchestratorDoes) {
  json stored = stored_job();
  stored["spec"]["output"]["source"]["s3"].erase("credentials");
  stored["spec"]["orchestrator"]["labels"] = {{"azure.workload.identity/use", "true"},
                                              {"parallelrun.dev/look-at", "another"}};
  const json pod = *look_pod(stored, {}, request());
  EXPECT_EQ(pod["spec"]["serviceAccountName"], "parallelrun-orchestrator");
  EXPECT_EQ(pod["spec"]["automountServiceAccountToken"], false);
  EXPECT_EQ(pod["metadata"]["labels"]["azure.workload.identity/use"], "true");
  EXPECT_EQ(pod["metadata"]["labels"]["parallelrun.dev/look-at"], "digits");
  EXPECT_EQ(pod["metadata"]["annotations"]["eks.amazonaws.com/skip-containers"], "runner");
  for (const json& volume : pod["spec"]["volumes"]) EXPECT_TRUE(volume.contains("emptyDir")) << volume;
}

TEST(LookEnd, TravelsAsATerminationMessage) {
  const auto read = look_end_from(termination_text({2, 17, "abc", "parallelrun: no log"}));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->exit_code, 2);
  EXPECT_EQ(read->bytes, 17U);
  EXPECT_EQ(read->sha256, "abc");
  EXPECT_EQ(read->errors, "parallelrun: no log");
}

TEST(LookEnd, KeepsTheEndOfWhatIsTooLong) {
  std::string errors(3000, '\n');  // two bytes each in JSON
  errors += "the last words";
  const std::string text = termination_text({1, 0, "abc", errors});
  EXPECT_LE(text.size(), pod::kTerminationMessageLimit);
  EXPECT_TRUE(look_end_from(text)->errors.ends_with("the last words"));
}

TEST(LookEnd, OtherMessagesAreNone) {
  for (const char* text : {"", "exec format error", "{}", "[]", R"({"exitCode": "0", "sha256": "a"})"})
    EXPECT_FALSE(look_end_from(text)) << text;
}

}  // namespace
}  // namespace parallelrun::cluster
