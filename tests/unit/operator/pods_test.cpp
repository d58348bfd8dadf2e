// What stands in the pods of a job.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "job_manifest.h"
#include "made_pods.h"
#include "operator/pods/children.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;
using testing::Contains;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

const PodIdentity kOrchestrator = {
    .role = Role::kOrchestrator, .index = 0, .incarnation = 2, .ended = {"digits-orchestrator-1.1a2b3c4d"}};
const PodIdentity kWorker = {.role = Role::kWorker, .index = 5, .incarnation = 1, .ended = {}};

Settings settings() {
  Settings made;
  made.runner_image = "parallelrun/runner:0.1";
  return made;
}

json pod(const JobManifest& job, const PodIdentity& identity, const Settings& with = settings()) {
  return made_pod(job, identity, with);
}

std::string refusal(const JobManifest& job, const Settings& with = settings()) {
  const Status checked = check_job(*job, with);
  return checked.ok() ? "" : checked.error().message;
}

const json& runner(const json& pod) { return pod["spec"]["containers"][0]; }

// Where the runner container has what.
std::map<std::string, std::string> mounts(const json& pod) { return mounts_of(runner(pod)); }

json variable(const json& pod, const std::string& name) {
  json found;
  for (const json& one : runner(pod)["env"]) {
    if (one["name"] != name) continue;
    EXPECT_TRUE(found.is_null()) << name << " twice";
    found = one;
  }
  return found;
}

TEST(Pods, NamesAndOwner) {
  const json one = pod(JobManifest(), kWorker);
  EXPECT_EQ(one["metadata"]["name"], "digits-worker-5-1");
  EXPECT_EQ(one["metadata"]["namespace"], "team");
  EXPECT_EQ(pod(JobManifest(), kOrchestrator)["metadata"]["name"], "digits-orchestrator-2");
  const json& owner = one["metadata"]["ownerReferences"][0];
  EXPECT_EQ(owner["uid"], "u-1");
  EXPECT_EQ(owner["controller"], true);
  EXPECT_EQ(owner["kind"], "ParallelRunJob");
  EXPECT_EQ(one["metadata"]["labels"], json::parse(R"({
    "app.kubernetes.io/name": "parallelrun", "app.kubernetes.io/managed-by": "parallelrun-operator",
    "parallelrun.dev/job": "digits", "parallelrun.dev/role": "worker", "parallelrun.dev/index": "5",
    "parallelrun.dev/incarnation": "1"})"));
}

TEST(Pods, TheLongestNamesAreDnsLabels) {
  JobManifest job;
  job.object()["metadata"]["name"] = std::string(32, 'a');
  const json one =
      pod(job, {.role = Role::kWorker, .index = 2147483646, .incarnation = 4000000000U, .ended = {}});
  EXPECT_LE(one["metadata"]["name"].get<std::string>().size(), 63U);
}

TEST(Pods, Commands) {
  EXPECT_EQ(runner(pod(JobManifest(), kOrchestrator))["command"], json({"/opt/parallelrun/bin/parallelrun"}));
  EXPECT_EQ(runner(pod(JobManifest(), kOrchestrator))["args"],
            json({"pod-orchestrator", "--ended", "digits-orchestrator-1.1a2b3c4d"}));
  EXPECT_EQ(runner(pod(JobManifest(), kWorker))["args"],
            json({"pod-agent", "--connect", "digits-orchestrator.team.svc:7443", "--name", "worker-5"}));
}

// Pod Security, level restricted, as its page lists the controls.
TEST(Pods, MeetTheLevelRestricted) {
  for (const PodIdentity& identity : {kOrchestrator, kWorker}) {
    const json one = pod(JobManifest().with("/environment", {{"image", "me/own:1"}}), identity);
    const json& security = one["spec"]["securityContext"];
    EXPECT_EQ(security["runAsNonRoot"], true);
    EXPECT_EQ(security["runAsUser"], 65532);
    EXPECT_EQ(security["runAsGroup"], 65532);
    EXPECT_EQ(security["fsGroup"], 65532);
    EXPECT_EQ(security["fsGroupChangePolicy"], "OnRootMismatch");
    EXPECT_EQ(security["seccompProfile"], json({{"type", "RuntimeDefault"}}));
    json containers = one["spec"]["containers"];
    for (const json& init : one["spec"].value("initContainers", json::array())) containers.push_back(init);
    for (const json& container : containers) {
      const json& own = container["securityContext"];
      EXPECT_EQ(own["allowPrivilegeEscalation"], false);
      EXPECT_EQ(own["capabilities"], json({{"drop", {"ALL"}}}));
      EXPECT_FALSE(own.contains("privileged"));
    }
    EXPECT_EQ(one["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"], "runner");
    for (const char* shared : {"hostNetwork", "hostPID", "hostIPC"})
      EXPECT_FALSE(one["spec"].contains(shared));
    for (const json& one_volume : one["spec"]["volumes"]) EXPECT_FALSE(one_volume.contains("hostPath"));
    EXPECT_EQ(one["spec"]["restartPolicy"], "Never");
    EXPECT_EQ(one["spec"]["enableServiceLinks"], false);
    EXPECT_EQ(one["spec"]["terminationGracePeriodSeconds"], 30);
  }
  EXPECT_EQ(runner(pod(JobManifest(), kOrchestrator))["securityContext"]["readOnlyRootFilesystem"], true);
}

TEST(Pods, OnlyTheOrchestratorHasAToken) {
  EXPECT_EQ(pod(JobManifest(), kOrchestrator)["spec"]["serviceAccountName"], "parallelrun-orchestrator");
  EXPECT_EQ(pod(JobManifest(), kOrchestrator)["spec"]["automountServiceAccountToken"], true);
  const json worker = pod(JobManifest().with("/worker", {{"serviceAccountName", "mine"}}), kWorker);
  EXPECT_EQ(worker["spec"]["automountServiceAccountToken"], false);
  EXPECT_EQ(worker["spec"]["serviceAccountName"], "mine");
  EXPECT_FALSE(pod(JobManifest(), kWorker)["spec"].contains("serviceAccountName"));
  // Its account is not the user's to choose.
  const json orchestrator =
      pod(JobManifest().with("/orchestrator", {{"serviceAccountName", "admin"}}), kOrchestrator);
  EXPECT_EQ(orchestrator["spec"]["serviceAccountName"], "parallelrun-orchestrator");
}

TEST(Pods, EachMountsItsOwnItemsOfTheSecret) {
  const auto items = [](const json& one) {
    std::map<std::string, std::string> found;
    const json job = volume_of(one, "job");
    for (const json& item : job["secret"]["items"]) found[item["key"]] = item["path"];
    return found;
  };
  EXPECT_THAT(items(pod(JobManifest(), kOrchestrator)),
              UnorderedElementsAre(std::pair("ca.crt", "ca.crt"), std::pair("job.json", "job.json"),
                                   std::pair("orchestrator.crt", "tls.crt"),
                                   std::pair("orchestrator.key", "tls.key")));
  EXPECT_THAT(items(pod(JobManifest(), kWorker)),
              UnorderedElementsAre(std::pair("ca.crt", "ca.crt"), std::pair("worker-5.crt", "tls.crt"),
                                   std::pair("worker-5.key", "tls.key")));
  EXPECT_EQ(volume_of(pod(JobManifest(), kWorker), "job")["secret"]["secretName"], "digits-runner");
  PodIdentity later = kWorker;
  later.index = 2 * kWorkersInSecret + 5;
  EXPECT_THAT(items(pod(JobManifest(), later)),
              UnorderedElementsAre(std::pair("ca.crt", "ca.crt"), std::pair("worker-261.crt", "tls.crt"),
                                   std::pair("worker-261.key", "tls.key")));
  EXPECT_EQ(volume_of(pod(JobManifest(), later), "job")["secret"]["secretName"], "digits-runner-2");
}

TEST(Pods, WhatIsMountedWhere) {
  JobManifest job;
  job.with(
      "/sideInputs",
      json::array({{{"name", "labels"},
                    {"mountPath", "/tmp/labels"},
                    {"source", {{"persistentVolumeClaim", {{"claimName", "data"}}}, {"subPath", "labels"}}}},
                   {{"name", "model"}, {"source", {{"image", {{"reference", "m:1"}}}}}}}));
  const json orchestrator = pod(job, kOrchestrator);
  EXPECT_THAT(mounts(orchestrator),
              UnorderedElementsAre(std::pair("/parallelrun/job", "job ro"),
                                   std::pair("/parallelrun/source", "source"),
                                   std::pair("/parallelrun/scratch", "scratch"),
                                   std::pair("/parallelrun/source-volume", "data-0 ro"),
                                   std::pair("/parallelrun/inputs/images", "data-1 ro"),
                                   std::pair("/parallelrun/side-inputs/labels", "data-1/labels ro"),
                                   std::pair("/parallelrun/output", "data-3")));
  EXPECT_EQ(volume_of(orchestrator, "data-2"), nullptr);  // the model's, an image: workers alone have it
  const json worker = pod(job, kWorker);
  EXPECT_THAT(mounts(worker), UnorderedElementsAre(std::pair("/parallelrun/job", "job ro"),
                                                   std::pair("/parallelrun/source", "source"),
                                                   std::pair("/parallelrun/scratch", "scratch"),
                                                   std::pair("/parallelrun/source-volume", "data-0 ro"),
                                                   std::pair("/parallelrun/inputs/images", "data-1 ro"),
                                                   std::pair("/tmp/labels", "data-1/labels ro"),
                                                   std::pair("/parallelrun/side-inputs/model", "data-2 ro")));
  EXPECT_EQ(volume_of(worker, "data-3"), nullptr);
  EXPECT_EQ(volume_of(worker, "data-1")["persistentVolumeClaim"]["claimName"], "data");
  EXPECT_EQ(volume_of(worker, "source")["emptyDir"], json::object());
}

TEST(Pods, TheOrchestratorOfAResubmissionReadsTheEarlierOutput) {
  PodIdentity again = kOrchestrator;
  again.ended.clear();
  again.earlier_job = EarlierJob{"first", "out/$(HOME)"};
  const json orchestrator = pod(JobManifest(), again);
  EXPECT_EQ(mounts(orchestrator).at("/parallelrun/earlier-output"), "data-2 ro");
  EXPECT_EQ(mounts(orchestrator).at("/parallelrun/output"), "data-2");
  EXPECT_EQ(runner(orchestrator)["args"],
            json({"pod-orchestrator", "--take-over-job", "first", "--take-over", "out/$$(HOME)"}));
  again.earlier_job = EarlierJob{"first", ""};
  EXPECT_EQ(runner(pod(JobManifest(), again))["args"],
            json({"pod-orchestrator", "--take-over-job", "first"}));
}

TEST(Pods, WorkersHaveTheOutputWhereTheyNeedIt) {
  const auto has_output = [](const JobManifest& job) {
    return mounts(pod(job, kWorker)).contains("/parallelrun/output");
  };
  EXPECT_FALSE(has_output(JobManifest()));
  EXPECT_TRUE(has_output(JobManifest().with("/outputAction", "summary_only")));
  EXPECT_TRUE(has_output(JobManifest().with("/output/mountOnWorkers", true)));
  EXPECT_TRUE(has_output(JobManifest().with("/arguments", {"--out=$(output)"})));
  EXPECT_TRUE(has_output(JobManifest()
                             .with("/inputs/0/type", "tabular")
                             .with("/miniBatchSize", nullptr)
                             .with("/partitionKeys", {"store"})));
}

TEST(Pods, AnImageWithoutOurProgramsGetsThem) {
  const json own = pod(JobManifest().with("/environment", {{"image", "me/own:1"}}), kWorker);
  ASSERT_EQ(own["spec"]["initContainers"].size(), 1U);
  const json& installer = own["spec"]["initContainers"][0];
  EXPECT_EQ(installer["name"], "install-runner");
  EXPECT_EQ(installer["image"], "parallelrun/runner:0.1");
  EXPECT_EQ(installer["args"], json({"install", "/parallelrun/programs"}));
  EXPECT_EQ(installer["volumeMounts"],
            json::array({{{"name", "programs"}, {"mountPath", "/parallelrun/programs"}}}));
  EXPECT_EQ(runner(own)["image"], "me/own:1");
  EXPECT_EQ(mounts(own)["/opt/parallelrun"], "programs ro");

  for (const json& environment : {json::object(), json{{"image", "parallelrun/runner:0.1"}}}) {
    const json same = pod(JobManifest().with("/environment", environment), kWorker);
    EXPECT_FALSE(same["spec"].contains("initContainers"));
    EXPECT_FALSE(mounts(same).contains("/opt/parallelrun"));
  }
  EXPECT_EQ(runner(pod(JobManifest().with("/environment", {{"image", "me/own:1"}}), kOrchestrator))["image"],
            "parallelrun/runner:0.1");
}

TEST(Pods, TheReleaseThatAJobStartedWith) {
  JobManifest job;
  job.object()["status"] = {{"runnerImage", "parallelrun/runner:0.0"}};
  EXPECT_EQ(runner(pod(job, kOrchestrator))["image"], "parallelrun/runner:0.0");
  EXPECT_EQ(runner(pod(job, kWorker))["image"], "parallelrun/runner:0.0");
}

TEST(Pods, Variables) {
  const json from_secret = {{"name", "TOKEN"},
                            {"valueFrom", {{"secretKeyRef", {{"name", "s"}, {"key", "k"}}}}}};
  const JobManifest job =
      JobManifest().with("/environment", {{"env", json::array({from_secret,
                                                               {{"name", "HOME"}, {"value", "/mine"}},
                                                               {{"name", "POD_IP"}, {"value", "forged"}}})},
                                          {"variables", {{"A", "1"}}}});
  const json worker = pod(job, kWorker);
  EXPECT_EQ(variable(worker, "TOKEN"), from_secret);
  EXPECT_EQ(variable(worker, "HOME")["value"], "/mine");
  EXPECT_EQ(variable(worker, "TMPDIR")["value"], "/parallelrun/scratch");
  EXPECT_EQ(variable(worker, "POD_IP")["valueFrom"]["fieldRef"]["fieldPath"], "status.podIP");
  EXPECT_EQ(variable(worker, "POD_NAME")["valueFrom"]["fieldRef"]["fieldPath"], "metadata.name");
  EXPECT_TRUE(variable(worker, "A").is_null());  // travels with the job
  EXPECT_TRUE(variable(worker, "JOB_UID").is_null());
  const json orchestrator = pod(job, kOrchestrator);
  EXPECT_TRUE(variable(orchestrator, "TOKEN").is_null());
  EXPECT_EQ(variable(orchestrator, "HOME")["value"], "/parallelrun/scratch");
  EXPECT_EQ(variable(orchestrator, "JOB_NAME")["value"], "digits");
  EXPECT_EQ(variable(orchestrator, "JOB_UID")["value"], "u-1");
}

TEST(Orchestrator, IsGivenTheJobsWhoseResultsItMayReuse) {
  PodIdentity identity{.role = Role::kOrchestrator, .index = 0, .incarnation = 0, .ended = {}};
  identity.earlier_runs = "[]";
  json made = pod(JobManifest(), identity);
  EXPECT_EQ(variable(made, "PARALLELRUN_EARLIER_RUNS")["value"], "[]");
  EXPECT_FALSE(made["metadata"]["annotations"].contains("parallelrun.dev/may-reuse"));
  identity.may_reuse = true;
  made = pod(JobManifest(), identity);
  EXPECT_EQ(made["metadata"]["annotations"]["parallelrun.dev/may-reuse"], "true");
  EXPECT_TRUE(variable(pod(JobManifest(), kOrchestrator), "PARALLELRUN_EARLIER_RUNS").is_null());
}

TEST(Worker, HasTheSharedMemoryThatTheJobAsksFor) {
  const json with = pod(JobManifest().with("/sharedMemory", "2Gi"), kWorker);
  EXPECT_EQ(
      volume_of(with, "shared-memory"),
      json::parse(R"({"name": "shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": "2Gi"}})"));
  EXPECT_THAT(runner(with)["volumeMounts"],
              Contains(json::parse(R"({"name": "shared-memory", "mountPath": "/dev/shm"})")));
  for (const json& without :
       {pod(JobManifest(), kWorker), pod(JobManifest().with("/sharedMemory", "2Gi"), kOrchestrator)})
    EXPECT_EQ(without.dump().find("/dev/shm"), std::string::npos);
}

TEST(Worker, IsToldHowTheOneBeforeItEnded) {
  PodIdentity second = kWorker;
  second.predecessor_ended = "Evicted: $(HOME) is full";
  EXPECT_EQ(variable(pod(JobManifest(), second), "PARALLELRUN_PREDECESSOR_ENDED")["value"],
            "Evicted:  (HOME) is full");
  EXPECT_TRUE(variable(pod(JobManifest(), kWorker), "PARALLELRUN_PREDECESSOR_ENDED").is_null());
}

TEST(Worker, LeavesTheEndOfItsLogWhereItSaidNothing) {
  EXPECT_EQ(runner(pod(JobManifest(), kWorker))["terminationMessagePolicy"], "FallbackToLogsOnError");
  EXPECT_EQ(runner(pod(JobManifest(), kOrchestrator))["terminationMessagePolicy"], "File")
      << "it is a result";
}

TEST(Template, OursWin) {
  const json given = {
      {"labels",
       {{"parallelrun.dev/role", "orchestrator"}, {"team", "vision"}, {"app.kubernetes.io/name", "mine"}}},
      {"annotations",
       {{"parallelrun.dev/x", "1"},
        {"note", "hi"},
        {"cluster-autoscaler.kubernetes.io/safe-to-evict", "false"}}}};
  const json worker = pod(JobManifest().with("/worker", given), kWorker);
  EXPECT_EQ(worker["metadata"]["labels"]["parallelrun.dev/role"], "worker");
  EXPECT_EQ(worker["metadata"]["labels"]["app.kubernetes.io/name"], "parallelrun");
  EXPECT_EQ(worker["metadata"]["labels"]["team"], "vision");
  EXPECT_EQ(worker["metadata"]["annotations"]["note"], "hi");
  EXPECT_FALSE(worker["metadata"]["annotations"].contains("parallelrun.dev/x"));
  // A default, and the user knows how long a mini-batch takes.
  EXPECT_EQ(worker["metadata"]["annotations"]["cluster-autoscaler.kubernetes.io/safe-to-evict"], "false");
  const char* safe = "cluster-autoscaler.kubernetes.io/safe-to-evict";
  EXPECT_EQ(pod(JobManifest(), kWorker)["metadata"]["annotations"][safe], "true");
  EXPECT_EQ(pod(JobManifest(), kOrchestrator)["metadata"]["annotations"][safe], "false");
}

TEST(Template, Resources) {
  Settings with = settings();
  with.worker_resources =
      json::parse(R"({"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "2Gi"}})");
  const auto resources = [&](const json& given) {
    return runner(pod(JobManifest().with("/worker", {{"resources", given}}), kWorker, with))["resources"];
  };
  EXPECT_EQ(resources(json::object()), with.worker_resources);
  EXPECT_EQ(
      resources({{"limits", {{"nvidia.com/gpu", 1}}}}),
      json::parse(
          R"({"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "2Gi", "nvidia.com/gpu": 1}})"));
  // A default request may be above the user's limit, and a default limit below the user's request.
  EXPECT_EQ(resources({{"limits", {{"memory", "512Mi"}}}}),
            json::parse(R"({"requests": {"cpu": "500m"}, "limits": {"memory": "512Mi"}})"));
  EXPECT_EQ(resources({{"requests", {{"memory", "4Gi"}}}}),
            json::parse(R"({"requests": {"cpu": "500m", "memory": "4Gi"}})"));
  const json own = pod(JobManifest()
                           .with("/environment", {{"image", "me/own:1"}})
                           .with("/worker", {{"resources", {{"limits", {{"nvidia.com/gpu", 1}}}}}}),
                       kWorker, with);
  EXPECT_EQ(own["spec"]["initContainers"][0]["resources"], with.worker_resources) << "without the GPU";
}

TEST(Template, Scheduling) {
  const json given = json::parse(R"({"nodeSelector": {"pool": "gpu"}, "affinity": {"nodeAffinity": {"x": 1}},
    "priorityClassName": "high", "runtimeClassName": "gvisor", "schedulerName": "mine", "imagePullPolicy": "Always",
    "imagePullSecrets": [{"name": "reg"}, {"name": "shared"}], "terminationGracePeriodSeconds": 5})");
  Settings with = settings();
  with.image_pull_secrets = {"shared"};
  for (const auto& [role, identity] :
       {std::pair("/worker", kWorker), std::pair("/orchestrator", kOrchestrator)}) {
    const json one = pod(JobManifest().with(role, given), identity, with);
    for (const char* key : {"nodeSelector", "affinity", "priorityClassName", "runtimeClassName",
                            "schedulerName", "terminationGracePeriodSeconds"}) {
      EXPECT_EQ(one["spec"][key], given[key]) << key;
    }
    EXPECT_EQ(one["spec"]["imagePullSecrets"], json::parse(R"([{"name": "shared"}, {"name": "reg"}])"));
    EXPECT_EQ(runner(one)["imagePullPolicy"], "Always");
  }
}

TEST(Template, LostNodesAreNoticedSoon) {
  const auto tolerations = [](const json& given) {
    std::map<std::string, json> found;
    const json worker = pod(JobManifest().with("/worker", {{"tolerations", given}}), kWorker);
    for (const json& one : worker["spec"]["tolerations"]) {
      found[one.value("key", "")] = one.value("tolerationSeconds", json());
    }
    return found;
  };
  const char* not_ready = "node.kubernetes.io/not-ready";
  const char* unreachable = "node.kubernetes.io/unreachable";
  EXPECT_THAT(tolerations(json::array()),
              UnorderedElementsAre(std::pair(not_ready, 30), std::pair(unreachable, 30)));
  auto said = tolerations(json::parse(
      R"([{"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 600}])"));
  EXPECT_EQ(said[unreachable], 600);
  EXPECT_EQ(said[not_ready], 30);
  EXPECT_THAT(tolerations(json::parse(R"([{"operator": "Exists"}])")),
              UnorderedElementsAre(std::pair("", json())));
  EXPECT_EQ(tolerations(json::parse(R"([{"operator": "Exists", "effect": "NoSchedule"}])")).size(), 3U);
}

TEST(Template, WorkersSpreadOverNodesUnlessTheUserSaysHow) {
  const json spread = pod(JobManifest(), kWorker)["spec"]["topologySpreadConstraints"];
  EXPECT_EQ(spread[0]["whenUnsatisfiable"], "ScheduleAnyway");
  EXPECT_EQ(spread[0]["topologyKey"], "kubernetes.io/hostname");
  EXPECT_EQ(spread[0]["labelSelector"]["matchLabels"],
            json::parse(R"({"parallelrun.dev/job": "digits", "parallelrun.dev/role": "worker"})"));
  const json own = json::array({{{"topologyKey", "zone"}}});
  EXPECT_EQ(pod(JobManifest().with("/worker", {{"topologySpreadConstraints", own}}),
                kWorker)["spec"]["topologySpreadConstraints"],
            own);
  EXPECT_FALSE(pod(JobManifest(), kOrchestrator)["spec"].contains("topologySpreadConstraints"));
}

TEST(Template, SecurityContext) {
  const auto security = [](const json& given) {
    return pod(JobManifest().with("/worker", {{"securityContext", given}}),
               kWorker)["spec"]["securityContext"];
  };
  const json named = security({{"runAsUser", 1000}, {"fsGroup", 2000}});
  EXPECT_EQ(named["runAsUser"], 1000);
  EXPECT_EQ(named["fsGroup"], 2000);
  EXPECT_EQ(named["runAsGroup"], 65532);
  EXPECT_EQ(named["runAsNonRoot"], true);
  EXPECT_EQ(security({{"runAsUser", 0}})["runAsNonRoot"], false);
  EXPECT_EQ(security({{"runAsUser", 0}, {"runAsNonRoot", true}})["runAsNonRoot"], true);
}

TEST(Template, MoreVolumes) {
  const json given = json::parse(R"({"volumes": [{"name": "cache", "emptyDir": {"medium": "Memory"}}],
    "volumeMounts": [{"name": "cache", "mountPath": "/cache"}]})");
  const json worker = pod(JobManifest().with("/worker", given), kWorker);
  EXPECT_EQ(volume_of(worker, "cache")["emptyDir"]["medium"], "Memory");
  EXPECT_EQ(mounts(worker)["/cache"], "cache");
  EXPECT_EQ(volume_of(pod(JobManifest().with("/worker", given), kOrchestrator), "cache"), nullptr);
}

struct Clash {
  const char* role;
  const char* given;
  const char* says;
};

TEST(Template, ClashesAreToldBeforeAnyPod) {
  const Clash clashes[] = {
      {"/worker", R"({"volumes": [{"name": "scratch", "emptyDir": {}}]})",
       "spec.worker.volumes[0].name: 'scratch'"},
      {"/orchestrator", R"({"volumes": [{"name": "data-0", "emptyDir": {}}]})",
       "spec.orchestrator.volumes[0].name"},
      {"/worker", R"({"volumes": [{"name": "v", "emptyDir": {}}, {"name": "v", "emptyDir": {}}]})", "twice"},
      {"/worker", R"({"volumeMounts": [{"name": "v", "mountPath": "/v"}]})",
       "is not the name of a volume in spec.worker.volumes"},
      {"/worker", R"({"volumeMounts": [{"name": "scratch", "mountPath": "/v"}]})",
       "is not the name of a volume in"},
      {"/worker", R"({"volumes": [{"name": "v"}], "volumeMounts": [{"name": "v", "mountPath": "v"}]})",
       "absolute"},
      {"/worker",
       R"({"volumes": [{"name": "v"}], "volumeMounts": [{"name": "v", "mountPath": "/parallelrun/job"}]})",
       "lies in /parallelrun"},
      {"/worker",
       R"({"volumes": [{"name": "v"}], "volumeMounts": [{"name": "v", "mountPath": "/parallelrun/job/x"}]})",
       "lies in /parallelrun"},
      {"/worker",
       R"({"volumes": [{"name": "v"}], "volumeMounts": [{"name": "v", "mountPath": "/parallelrun/"}]})",
       "lies in /parallelrun"},
      {"/worker", R"({"volumes": [{"name": "v"}], "volumeMounts": [{"name": "v", "mountPath": "/"}]})",
       "hide the whole container"},
      {"/worker",
       R"({"volumes": [{"name": "v"}], "volumeMounts": [{"name": "v", "mountPath": "/opt/parallelrun/bin"}]})",
       "lies in /opt/parallelrun"},
      {"/worker",
       R"({"volumes": [{"name": "v"}], "volumeMounts": [{"name": "v", "mountPath": "/m"}, {"name": "v", "mountPath": "//m/n"}]})",
       "conflicts with '/m'"},
  };
  for (const Clash& clash : clashes) {
    EXPECT_THAT(refusal(JobManifest().with(clash.role, json::parse(clash.given))), HasSubstr(clash.says))
        << clash.given;
  }
  EXPECT_EQ(
      refusal(JobManifest().with(
          "/worker",
          json::parse(
              R"({"volumes": [{"name": "v"}], "volumeMounts": [{"name": "v", "mountPath": "/parallelrun2"}]})"))),
      "");
}

TEST(Template, NoMountHidesWhatTheRunnerOrTheSystemRunsOn) {
  for (const char* role : {"/orchestrator", "/worker"}) {
    for (const char* path : {"/opt//parallelrun",
                             "/opt/./parallelrun",
                             "/x/../opt/parallelrun",
                             "//parallelrun/job",
                             "/opt",
                             "/etc",
                             "/etc/ld.so.preload",
                             "//etc//passwd",
                             "/proc",
                             "/sys/fs/cgroup",
                             "/dev",
                             "/dev/shm/x",
                             "/lib",
                             "/lib/x86_64-linux-gnu",
                             "/lib64/",
                             "/usr/lib",
                             "/bin",
                             "/sbin",
                             "/boot",
                             "/run/secrets/kubernetes.io",
                             "/var/run/secrets",
                             "/var",
                             "/.",
                             "/a/.."}) {
      const json given = {{"volumes", {{{"name", "v"}, {"emptyDir", json::object()}}}},
                          {"volumeMounts", {{{"name", "v"}, {"mountPath", path}}}}};
      EXPECT_THAT(refusal(JobManifest().with(role, given)),
                  HasSubstr("volumeMounts[0].mountPath: '" + std::string(path) + "'"))
          << role;
    }
    for (const char* path : {"/dev/shm", "/dev//shm/", "/data", "/libs", "/library/x", "/etcetera",
                             "/opt/model", "/var/lib/x"}) {
      const json given = {{"volumes", {{{"name", "v"}, {"emptyDir", json::object()}}}},
                          {"volumeMounts", {{{"name", "v"}, {"mountPath", path}}}}};
      EXPECT_EQ(refusal(JobManifest().with(role, given)), "") << path;
    }
  }
  const json shm = {{"volumes", {{{"name", "v"}, {"emptyDir", json::object()}}}},
                    {"volumeMounts", {{{"name", "v"}, {"mountPath", "/dev/shm"}}}}};
  EXPECT_THAT(refusal(JobManifest().with("/worker", shm).with("/sharedMemory", "1Gi")),
              HasSubstr("conflicts with '/dev/shm'"));
}

TEST(Template, NullsAreAbsent) {
  EXPECT_EQ(
      pod(JobManifest().with(
              "/worker",
              json::parse(
                  R"({"labels": null, "tolerations": null, "volumes": null, "resources": {"limits": null}, "securityContext": {"runAsUser": null}})")),
          kWorker),
      pod(JobManifest().with("/worker", json::object()), kWorker));
}

// Whatever type a field has that the schema leaves open, nothing throws.
TEST(Template, FieldsOfOtherTypes) {
  for (const char* key :
       {"labels", "annotations", "resources", "nodeSelector", "tolerations", "affinity", "imagePullSecrets",
        "topologySpreadConstraints", "volumes", "volumeMounts", "securityContext", "imagePullPolicy"}) {
    for (const char* value :
         {"7", "\"x\"", "[]", "[7]", "{\"a\": 7}", "true", "[{\"name\": 7, \"key\": 7, \"mountPath\": 7}]"}) {
      const JobManifest job = JobManifest().with(std::string("/worker/") + key, json::parse(value));
      EXPECT_NO_THROW(static_cast<void>(check_job(*job, settings()))) << key << " " << value;
    }
  }
}

}  // namespace
}  // namespace parallelrun::op
