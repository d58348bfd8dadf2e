// The container of a pod that reads object stores: who has it, and that credentials are there alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "common/pod/pod_layout.h"
#include "job_manifest.h"
#include "made_pods.h"
#include "operator/pods/children.h"

namespace parallelrun::op::sidecars {
namespace {

using nlohmann::json;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::UnorderedElementsAre;

const PodIdentity kOrchestrator = {.role = Role::kOrchestrator, .index = 0, .incarnation = 0, .ended = {}};
const PodIdentity kWorker = {.role = Role::kWorker, .index = 200, .incarnation = 0, .ended = {}};

json s3(const char* bucket, const char* secret, const char* prefix = "in") {
  json body = {{"bucket", bucket}, {"prefix", prefix}};
  if (*secret != '\0') body["credentials"] = {{"secretName", secret}};
  return {{"s3", std::move(body)}};
}

// Input, side inputs and code in stores: Secrets `keys` and `models`.
JobManifest in_stores() {
  return JobManifest()
      .with("/inputs/0/source", s3("data", "keys"))
      .with("/sourceDirectory", s3("code", "keys", "scripts"))
      .with("/sideInputs",
            json::array({{{"name", "model"}, {"source", s3("models", "models", "nets/best.pkl")}},
                         {{"name", "labels"},
                          {"mountPath", "/opt/labels"},
                          {"source", s3("models", "models", "labels")}}}));
}

Settings settings() {
  Settings made;
  made.runner_image = "parallelrun/runner:0.1";
  made.data_resources = json::parse(R"({"requests": {"cpu": "100m"}, "limits": {"memory": "1Gi"}})");
  return made;
}

json pod(const JobManifest& job, const PodIdentity& identity, const Settings& with = settings()) {
  return made_pod(job, identity, with);
}

json sidecar(const json& pod) {
  for (const json& init : pod["spec"].value("initContainers", json::array())) {
    if (init["name"] == pod::kDataContainer) return init;
  }
  return nullptr;
}

std::map<std::string, std::string> variables(const json& container) {
  std::map<std::string, std::string> found;
  for (const json& one : container["env"]) {
    EXPECT_FALSE(found.contains(one["name"])) << one["name"] << " twice";
    found[one["name"]] = one.contains("value") ? one["value"].get<std::string>() : one["valueFrom"].dump();
  }
  return found;
}

TEST(DataSidecar, AJobWithoutStoresHasNone) {
  for (const PodIdentity& identity : {kOrchestrator, kWorker}) {
    const json one = pod(JobManifest(), identity);
    EXPECT_TRUE(sidecar(one).is_null());
    EXPECT_THAT(one.dump(), Not(HasSubstr("fetched")));
    EXPECT_FALSE(variables(one["spec"]["containers"][0]).contains("PARALLELRUN_DATA_SOCKET"));
  }
}

TEST(DataSidecar, IsASidecarOfTheRunnerImage) {
  const json worker = pod(in_stores().with("/environment", {{"image", "me/own:1"}}), kWorker);
  std::vector<std::string> inits;
  for (const json& init : worker["spec"]["initContainers"]) inits.push_back(init["name"]);
  EXPECT_THAT(inits, ElementsAre("install-runner", "data"));
  const json data = sidecar(worker);
  EXPECT_EQ(data["image"], "parallelrun/runner:0.1");
  EXPECT_EQ(data["restartPolicy"], "Always");
  EXPECT_EQ(data["command"], json({"/opt/parallelrun/bin/parallelrun"}));
  EXPECT_EQ(data["args"], json({"pod-data", "--worker"}));
  EXPECT_EQ(sidecar(pod(in_stores(), kOrchestrator))["args"], json({"pod-data"}));
  EXPECT_EQ(data["startupProbe"]["exec"]["command"],
            json({"/opt/parallelrun/bin/parallelrun", "pod-data", "--ready-within", "20"}));
  EXPECT_GT(data["startupProbe"]["timeoutSeconds"], 20) << "the look ends by itself";
  const json& security = data["securityContext"];
  EXPECT_EQ(security["readOnlyRootFilesystem"], true);
  EXPECT_EQ(security["allowPrivilegeEscalation"], false);
  EXPECT_EQ(security["capabilities"], json({{"drop", {"ALL"}}}));
  // Its processes are in a namespace of their own.
  EXPECT_FALSE(worker["spec"].contains("shareProcessNamespace"));
}

TEST(DataSidecar, AloneHasTheCredentials) {
  const json worker = pod(in_stores(), kWorker);
  EXPECT_THAT(
      mounts_of(sidecar(worker)),
      UnorderedElementsAre(std::pair("/parallelrun/fetched-inputs", "fetched-inputs"),
                           std::pair("/parallelrun/fetched", "fetched"),
                           std::pair("/parallelrun/data-job", "data-job ro"),
                           std::pair("/parallelrun/credentials/source", "credentials-0 ro"),
                           std::pair("/parallelrun/credentials/inputs/images", "credentials-0 ro"),
                           std::pair("/parallelrun/credentials/side-inputs/model", "credentials-1 ro"),
                           std::pair("/parallelrun/credentials/side-inputs/labels", "credentials-1 ro")));
  EXPECT_EQ(volume_of(worker, "credentials-0")["secret"]["secretName"], "keys");
  EXPECT_EQ(volume_of(worker, "credentials-0")["secret"]["defaultMode"], 0440);
  EXPECT_EQ(volume_of(worker, "credentials-1")["secret"]["secretName"], "models");
  // The job itself is in the first Secret, whatever the worker's number is; nothing else of it.
  EXPECT_EQ(volume_of(worker, "data-job")["secret"],
            json::parse(R"({"secretName": "digits-runner", "defaultMode": 288,
                            "items": [{"key": "job.json", "path": "job.json"}]})"));
  for (const PodIdentity& identity : {kOrchestrator, kWorker}) {
    const json one = pod(in_stores().with("/environment", {{"image", "me/own:1"}}), identity);
    for (const char* list : {"containers", "initContainers"}) {
      for (const json& container : one["spec"].value(list, json::array())) {
        if (container["name"] == "data") continue;
        for (const auto& [path, name] : mounts_of(container))
          EXPECT_THAT(name, Not(HasSubstr("credentials"))) << container["name"];
      }
    }
  }
}

TEST(DataSidecar, OfTheOrchestratorAloneWritesTheOutput) {
  JobManifest job;
  job.with("/output/source", s3("results", "writer", "digits"));
  EXPECT_TRUE(sidecar(pod(job, kWorker)).is_null());
  EXPECT_THAT(pod(job, kWorker).dump(), Not(HasSubstr("writer")));

  const json head = pod(job, kOrchestrator);
  const std::string rows = mounts_of(head["spec"]["containers"][0]).at("/parallelrun/output");
  EXPECT_EQ(volume_of(head, rows), json({{"name", rows}, {"emptyDir", json::object()}}));
  EXPECT_THAT(mounts_of(sidecar(head)),
              UnorderedElementsAre(std::pair("/parallelrun/fetched-inputs", "fetched-inputs"),
                                   std::pair("/parallelrun/fetched", "fetched"),
                                   std::pair("/parallelrun/data-job", "data-job ro"),
                                   std::pair("/parallelrun/credentials/output", "credentials-0 ro"),
                                   std::pair("/parallelrun/output", rows + " ro")));
  EXPECT_EQ(volume_of(head, "credentials-0")["secret"]["secretName"], "writer");
  EXPECT_EQ(sidecar(head)["args"], json({"pod-data"}));

  // Beside inputs in a store, workers have the credentials of these.
  job.with("/inputs/0/source", s3("data", "reader"));
  EXPECT_THAT(pod(job, kWorker).dump(), Not(HasSubstr("writer")));
  EXPECT_THAT(mounts_of(sidecar(pod(job, kWorker))),
              Contains(std::pair("/parallelrun/credentials/inputs/images", "credentials-0 ro")));
  EXPECT_THAT(mounts_of(sidecar(pod(job, kOrchestrator))), testing::SizeIs(6));
}

TEST(DataSidecar, AnOrchestratorThatHoldsRowsAsksForRoom) {
  const auto asked = [](JobManifest job, const json& resources) {
    job.with("/orchestrator", {{"resources", resources}});
    return pod(job, kOrchestrator)["spec"]["containers"][0]["resources"];
  };
  JobManifest job;
  EXPECT_THAT(asked(job, json::object()).dump(), Not(HasSubstr("ephemeral-storage")));
  job.with("/output/source", s3("results", "writer"));
  EXPECT_EQ(asked(job, json::object())["requests"]["ephemeral-storage"], "1Gi");
  EXPECT_EQ(asked(job, {{"requests", {{"ephemeral-storage", "40Gi"}}}})["requests"]["ephemeral-storage"],
            "40Gi");
  const json limited = asked(job, {{"limits", {{"ephemeral-storage", "512Mi"}}}});
  EXPECT_FALSE(limited.value("requests", json::object()).contains("ephemeral-storage"))
      << "it is the limit's";
  EXPECT_THAT(pod(job, kWorker)["spec"]["containers"][0]["resources"].dump(), Not(HasSubstr("ephemeral")));
}

TEST(DataSidecar, AloneHasTheUrlOfADatabase) {
  const JobManifest job = JobManifest()
                              .with("/miniBatchSize", nullptr)
                              .with("/inputs", json::parse(R"([{"name": "table", "type": "tabular",
                 "source": {"sql": {"table": "sales", "credentials": {"secretName": "db"}}}}])"));
  for (const PodIdentity& identity : {kOrchestrator, kWorker}) {
    const json one = pod(job, identity);
    EXPECT_THAT(mounts_of(sidecar(one)),
                Contains(std::pair("/parallelrun/credentials/inputs/table", "credentials-0 ro")));
    EXPECT_EQ(volume_of(one, "credentials-0")["secret"]["secretName"], "db");
    for (const auto& [path, name] : mounts_of(one["spec"]["containers"][0]))
      EXPECT_THAT(name, Not(HasSubstr("credentials")));
    EXPECT_FALSE(one["metadata"]
                     .value("annotations", json::object())
                     .contains("azure.workload.identity/skip-containers"));
  }
}

TEST(DataSidecar, TheRunnerReadsWhatItWrites) {
  const json worker = pod(in_stores(), kWorker);
  const json& runner = worker["spec"]["containers"][0];
  EXPECT_THAT(mounts_of(runner),
              UnorderedElementsAre(std::pair("/parallelrun/job", "job ro"),
                                   std::pair("/parallelrun/source", "source"),
                                   std::pair("/parallelrun/scratch", "scratch"),
                                   std::pair("/parallelrun/fetched-inputs", "fetched-inputs ro"),
                                   std::pair("/parallelrun/fetched", "fetched ro"),
                                   std::pair("/opt/labels", "fetched/side-inputs/labels/labels ro")));
  EXPECT_EQ(variables(runner)["PARALLELRUN_DATA_SOCKET"], "/parallelrun/fetched/data.sock");
  // It is ours to say where the socket is.
  const json forged =
      pod(in_stores().with(
              "/environment",
              {{"env", json::array({{{"name", "PARALLELRUN_DATA_SOCKET"}, {"value", "/tmp/mine"}}})}}),
          kWorker);
  EXPECT_EQ(variables(forged["spec"]["containers"][0])["PARALLELRUN_DATA_SOCKET"],
            "/parallelrun/fetched/data.sock");
}

TEST(DataSidecar, OfTheOrchestratorListsSideInputs) {
  const json orchestrator = pod(in_stores(), kOrchestrator);
  EXPECT_EQ(mounts_of(sidecar(orchestrator)).at("/parallelrun/credentials/side-inputs/labels"),
            "credentials-1 ro");
  EXPECT_EQ(volume_of(orchestrator, "credentials-1")["secret"]["secretName"], "models");
  EXPECT_THAT(mounts_of(orchestrator["spec"]["containers"][0]), Not(Contains(testing::Key("/opt/labels"))))
      << "nothing is there";
  JobManifest sides =
      JobManifest().with("/sideInputs", json::array({{{"name", "model"}, {"source", s3("models", "keys")}}}));
  EXPECT_FALSE(sidecar(pod(sides, kOrchestrator)).is_null());
  EXPECT_FALSE(sidecar(pod(sides, kWorker)).is_null());
  // Nobody compares it with other jobs' results.
  sides.with("/output/source", s3("results", "writer"));
  EXPECT_THAT(mounts_of(sidecar(pod(sides, kOrchestrator))),
              Not(Contains(testing::Key(HasSubstr("side-inputs")))));
}

TEST(DataSidecar, TheCacheHasALimit) {
  const auto limit = [](const json& one) {
    return std::stoull(volume_of(one, "fetched-inputs")["emptyDir"]["sizeLimit"].get<std::string>());
  };
  const json usual = pod(in_stores(), kWorker);
  EXPECT_GT(limit(usual), std::uint64_t{20} << 30U) << "the data process takes 20 GiB at most";
  EXPECT_FALSE(variables(sidecar(usual)).contains("PARALLELRUN_CACHE_SIZE"));
  const json own = pod(in_stores().with("/worker/dataProcess/cacheSize", "4Gi"), kWorker);
  EXPECT_EQ(variables(sidecar(own))["PARALLELRUN_CACHE_SIZE"], "4294967296");
  EXPECT_GT(limit(own), std::uint64_t{4} << 30U);
  EXPECT_LT(limit(own), std::uint64_t{5} << 30U);
  const Result<CheckedJob> job = CheckedJob::read(*in_stores().with("/worker/dataProcess/cacheSize", "much"));
  ASSERT_TRUE(job.ok());
  const Result<json> refused = pod_of(*job, kWorker, settings());
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message, "spec.worker.dataProcess.cacheSize: 'much' is not a size such as 20Gi");
}

TEST(DataSidecar, Resources) {
  EXPECT_EQ(sidecar(pod(in_stores(), kWorker))["resources"], settings().data_resources);
  const json own =
      pod(in_stores().with("/worker/dataProcess/resources", {{"limits", {{"memory", "4Gi"}}}}), kWorker);
  EXPECT_EQ(sidecar(own)["resources"],
            json::parse(R"({"requests": {"cpu": "100m"}, "limits": {"memory": "4Gi"}})"));
  // A pod's limit of storage is the sum of its containers': the cache is not to be the worker's.
  const json bounded = pod(
      in_stores().with("/worker", {{"resources", {{"limits", {{"ephemeral-storage", "2Gi"}}}}}}), kWorker);
  EXPECT_EQ(sidecar(bounded)["resources"]["limits"]["ephemeral-storage"],
            volume_of(bounded, "fetched-inputs")["emptyDir"]["sizeLimit"]);
}

TEST(DataSidecar, GetsWhatSaysHowToReachAStore) {
  const json env = json::array(
      {{{"name", "HTTPS_PROXY"}, {"valueFrom", {{"configMapKeyRef", {{"name", "p"}, {"key", "k"}}}}}},
       {{"name", "TOKEN"}, {"value", "the script's own"}}});
  const auto found = variables(
      sidecar(pod(in_stores().with("/environment",
                                   {{"env", env}, {"variables", {{"no_proxy", "a$b"}, {"MODE", "fast"}}}}),
                  kWorker)));
  EXPECT_THAT(found, Contains(testing::Key("HTTPS_PROXY")));
  EXPECT_EQ(found.at("no_proxy"), "a$$b");
  EXPECT_FALSE(found.contains("TOKEN"));
  EXPECT_FALSE(found.contains("MODE"));
  // The root file system is read-only.
  EXPECT_EQ(found.at("HOME"), "/parallelrun/fetched");
  EXPECT_EQ(found.at("TMPDIR"), "/parallelrun/fetched");
}

TEST(DataSidecar, AnIdentityOfThePodIsForItAlone) {
  const auto annotations = [](const JobManifest& job, const PodIdentity& identity) {
    return pod(job, identity)["metadata"]["annotations"];
  };
  constexpr const char* kAzure = "azure.workload.identity/skip-containers";
  constexpr const char* kAmazon = "eks.amazonaws.com/skip-containers";
  EXPECT_FALSE(annotations(in_stores(), kWorker).contains(kAzure)) << "each store has a Secret";
  const JobManifest by_identity = in_stores().with("/inputs/0/source", s3("data", ""));
  EXPECT_EQ(annotations(by_identity, kWorker)[kAzure], "runner");
  EXPECT_EQ(annotations(by_identity, kOrchestrator)[kAmazon], "runner");
  JobManifest own_image = by_identity;
  own_image.with("/environment", {{"image", "me/own:1"}});
  EXPECT_EQ(annotations(own_image, kWorker)[kAzure], "runner;install-runner");
  EXPECT_EQ(annotations(own_image, kWorker)[kAmazon], "runner,install-runner");
  // Whose script needs the identity says so.
  JobManifest shared = by_identity;
  shared.with("/worker", {{"annotations", {{kAmazon, "install-runner"}}}});
  EXPECT_EQ(annotations(shared, kWorker)[kAmazon], "install-runner");
}

}  // namespace
}  // namespace parallelrun::op::sidecars
