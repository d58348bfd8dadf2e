// What keeps a job from running, in the words that a user reads. One row for each trouble; the quoted texts
// are what kubelet, scheduler and API server of Kubernetes 1.30 to 1.36 write.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "cluster_model.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;
using std::chrono::seconds;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

struct Trouble {
  const char* name;
  std::function<void(PodView&)> befalls;
  std::string reason;
  std::vector<std::string> says;
};

std::function<void(PodView&)> waits(const char* reason, const char* message) {
  return [=](PodView& pod) {
    pod.node = "node-1";
    pod.waiting_reason = reason;
    pod.waiting_message = message;
  };
}
std::function<void(PodView&)> unscheduled(const char* reason, const char* message) {
  return [=](PodView& pod) {
    pod.unscheduled_reason = reason;
    pod.unscheduled_message = message;
  };
}
std::function<void(PodView&)> warned(const char* reason, const char* message) {
  return [=](PodView& pod) {
    pod.node = "node-1";
    pod.warnings = {{"Unhealthy", "an older one", {}}, {reason, message, {}}};
  };
}

std::vector<Trouble> troubles() {
  return {
      {"pull refused",
       waits("ErrImagePull", "failed to pull and unpack image \"docker.io/me/img:1\": pull access denied"),
       "ImagePullFailed",
       {"pull access denied", "imagePullSecrets"}},
      {"pull backs off",
       waits("ImagePullBackOff", "Back-off pulling image \"me/img:1\""),
       "ImagePullFailed",
       {"me/img:1"}},
      {"never pulled",
       waits("ErrImageNeverPull", "Container image \"x\" is not present"),
       "ImagePullFailed",
       {"not present"}},
      {"image name",
       waits("InvalidImageName", "Failed to apply default image tag \"A B\""),
       "InvalidImageName",
       {"A B"}},
      {"env of a secret that is not there",
       waits("CreateContainerConfigError", "secret \"token\" not found"),
       "CreateContainerConfigError",
       {"Secret 'token'", "environment.env"}},
      {"an image for root",
       waits("CreateContainerConfigError", "container has runAsNonRoot and image will run as root"),
       "CreateContainerConfigError",
       {"runAsUser"}},
      {"no such program",
       waits("CreateContainerError", "exec: \"/opt/x\": no such file"),
       "CreateContainerError",
       {"no such file"}},
      {"no room",
       unscheduled("Unschedulable", "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."),
       "Unschedulable",
       {"Insufficient nvidia.com/gpu", "nodeSelector"}},
      {"claim that is not there",
       unscheduled("Unschedulable", "0/3 nodes are available: persistentvolumeclaim \"data\" not found."),
       "VolumeMissing",
       {"PersistentVolumeClaim 'data'", "create it"}},
      {"claim that is not bound",
       unscheduled("Unschedulable",
                   "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims."),
       "Unschedulable",
       {"kubectl describe pvc"}},
      {"gate",
       unscheduled("SchedulingGated", "Scheduling is blocked due to non-empty scheduling gates"),
       "SchedulingGated",
       {}},
      {"config map that is not there",
       warned("FailedMount", "MountVolume.SetUp failed for volume \"data-0\" : configmap \"code\" not found"),
       "VolumeMissing",
       {"ConfigMap 'code'"}},
      {"secret that is not there",
       warned("FailedMount", "MountVolume.SetUp failed for volume \"data-0\" : secret \"token\" not found"),
       "VolumeMissing",
       {"Secret 'token'"}},
      {"key that is not there",
       warned("FailedMount",
              "MountVolume.SetUp failed for volume \"data-0\" : references non-existent config key: a.py"),
       "VolumeNotMounted",
       {"a.py"}},
      {"disk in use",
       warned("FailedAttachVolume",
              "Multi-Attach error for volume \"pvc-1\" Volume is already used by pod(s) x"),
       "VolumeNotMounted",
       {"Multi-Attach"}},
      {"a store that refuses the credentials",
       [](PodView& pod) {
         pod.node = "node-1";
         pod.data_trouble = "input 'images': s3://b refuses the credentials (credentials: the Secret 'keys')";
       },
       "StoreNotReady",
       {"Secret 'keys'", "tried again"}},
      {"sandbox",
       warned("FailedCreatePodSandBox", "failed to setup network for sandbox"),
       "SandboxFailed",
       {"node-1", "network"}},
  };
}

TEST(Obstacles, OfTheOrchestrator) {
  for (const Trouble& trouble : troubles()) {
    SCOPED_TRACE(trouble.name);
    Cluster cluster;
    cluster.settle();
    cluster.news();
    cluster.after(seconds(5));
    trouble.befalls(cluster.pod("digits-orchestrator-0"));
    cluster.settle();
    EXPECT_EQ(cluster.condition("Running"), "False/" + trouble.reason);
    EXPECT_EQ(cluster.state(), "Pending");
    EXPECT_THAT(cluster.message(), HasSubstr("digits-orchestrator-0"));
    for (const std::string& part : trouble.says) EXPECT_THAT(cluster.message(), HasSubstr(part));
    EXPECT_THAT(cluster.news(), ElementsAre(trouble.reason));
    EXPECT_TRUE(cluster.events.back().warning);
    // It is told once.
    const std::size_t writes = cluster.writes;
    cluster.after(seconds(600)).settle();
    EXPECT_EQ(cluster.writes, writes);
    // And mended.
    cluster.pod("digits-orchestrator-0").warnings.clear();
    cluster.pod("digits-orchestrator-0").data_trouble.clear();
    cluster.run_all().settle();
    EXPECT_EQ(cluster.condition("Running"), "True/Running");
    EXPECT_EQ(cluster.message(), "The orchestrator lists the input");
  }
}

TEST(Obstacles, OfAllWorkersKeepTheJobFromRunning) {
  for (const Trouble& trouble : troubles()) {
    SCOPED_TRACE(trouble.name);
    Cluster cluster;
    cluster.settle();
    cluster.run("digits-orchestrator-0").after(seconds(5)).settle();
    cluster.news();
    for (const char* name : {"digits-worker-0-0", "digits-worker-1-0", "digits-worker-2-0"}) {
      trouble.befalls(cluster.pod(name));
    }
    cluster.settle();
    EXPECT_EQ(cluster.condition("Running"), "False/" + trouble.reason);
    EXPECT_THAT(cluster.news(), ElementsAre(trouble.reason));
  }
}

TEST(Obstacles, OfSomeWorkersAreToldWhileTheJobRuns) {
  Cluster cluster;
  cluster.settle();
  cluster.run("digits-orchestrator-0").run("digits-worker-0-0").after(seconds(5)).settle();
  cluster.news();
  unscheduled("Unschedulable",
              "0/3 nodes are available: 3 Insufficient cpu.")(cluster.pod("digits-worker-2-0"));
  cluster.settle();
  EXPECT_EQ(cluster.state(), "Running");
  EXPECT_EQ(cluster.condition("Running"), "True/WorkersMissing");
  EXPECT_THAT(cluster.message(), HasSubstr("digits-worker-2-0"));
  EXPECT_THAT(cluster.news(), ElementsAre("WorkersMissing"));
  cluster.run_all().settle();
  EXPECT_EQ(cluster.condition("Running"), "True/Running");
}

TEST(Obstacles, NumbersThatChangeAreNoNews) {
  Cluster cluster;
  cluster.settle();
  cluster.after(seconds(5));
  PodView& pod = cluster.pod("digits-orchestrator-0");
  unscheduled("Unschedulable", "0/3 nodes are available: 3 Insufficient cpu.")(pod);
  cluster.settle();
  const std::size_t writes = cluster.writes;
  unscheduled("Unschedulable", "0/4 nodes are available: 4 Insufficient cpu.")(pod);
  cluster.settle();
  EXPECT_EQ(cluster.writes, writes);
  cluster.news();
  unscheduled("Unschedulable", "0/4 nodes are available: 4 Insufficient memory.")(pod);
  cluster.settle();
  EXPECT_THAT(cluster.message(), HasSubstr("memory"));
  EXPECT_THAT(cluster.news(), IsEmpty());
}

TEST(Obstacles, TheKubeletsTwoWordsForAPullAreOne) {
  Cluster cluster;
  cluster.settle();
  PodView& pod = cluster.pod("digits-orchestrator-0");
  waits("ErrImagePull", "denied")(pod);
  cluster.settle();
  const std::size_t writes = cluster.writes;
  for (int i = 0; i < 10; ++i) {
    waits(i % 2 == 0 ? "ImagePullBackOff" : "ErrImagePull", i % 2 == 0 ? "Back-off" : "denied")(pod);
    cluster.settle();
  }
  EXPECT_EQ(cluster.writes, writes);
  EXPECT_THAT(cluster.message(), HasSubstr("denied"));
}

struct Refused {
  const char* name;
  const char* reason;
  const char* message;
  std::string condition;
  std::string says;
};

const Refused kRefused[] = {
    {"quota", "Forbidden",
     "pods \"p\" is forbidden: exceeded quota: team, requested: cpu=1, used: cpu=4, limited: cpu=4",
     "QuotaExceeded", "nodeCount"},
    {"quota wants requests", "Forbidden",
     "pods \"p\" is forbidden: failed quota: team: must specify limits.cpu for: runner", "QuotaExceeded",
     "set resources.limits in spec.worker"},
    {"quota wants both", "Forbidden",
     "pods \"p\" is forbidden: failed quota: team: must specify limits.memory for: runner; requests.cpu for: "
     "runner",
     "QuotaExceeded", "set resources.limits and resources.requests in spec.worker"},
    {"pod security", "Forbidden",
     "pods \"p\" is forbidden: violates PodSecurity \"restricted:latest\": hostPath volumes", "PodRefused",
     "Pod Security"},
    {"webhook", "Forbidden", "admission webhook \"policy\" denied the request: no latest tag", "PodRefused",
     "no latest tag"},
    {"account", "Forbidden", "pods \"p\" is forbidden: error looking up service account default/x: not found",
     "PodRefused", "service account"},
    {"schema", "Invalid", "Pod \"p\" is invalid: spec.tolerations[0].key: Invalid value", "PodRefused",
     "tolerations"},
    {"rights", "Forbidden",
     "pods is forbidden: User \"system:serviceaccount:a:b\" cannot create resource \"pods\" in API group "
     "\"\"",
     "OperatorForbidden", "chart"},
    {"namespace", "Forbidden", "unable to create new content in namespace x because it is being terminated",
     "NamespaceTerminating", "being deleted"},
};

TEST(Refusals, OfTheOrchestratorHoldWorkersBack) {
  for (const Refused& row : kRefused) {
    SCOPED_TRACE(row.name);
    Cluster cluster;
    cluster.refuse("Pod ", row.reason, row.message).settle();
    EXPECT_EQ(cluster.condition("Running"), "False/" + row.condition);
    EXPECT_THAT(cluster.message(), HasSubstr(row.says));
    EXPECT_THAT(cluster.message(), HasSubstr("Pod digits-orchestrator-0"));
    EXPECT_THAT(cluster.names(), IsEmpty());
    EXPECT_THAT(cluster.news(), ElementsAre("Started", row.condition));
    const Plan plan = cluster.decision();
    ASSERT_EQ(plan.create.size(), 1U);
    EXPECT_EQ(plan.create[0].role, Role::kOrchestrator);
    cluster.refuse_nothing();
    cluster.apply(plan, cluster.snapshot());
    cluster.bring_up();
    EXPECT_EQ(cluster.state(), "Running");
    EXPECT_EQ(cluster.names().size(), 4U);
  }
}

TEST(Refusals, OfWorkersAreTriedOneAtATime) {
  Cluster cluster;
  cluster.refuse("Pod digits-worker-", "Forbidden", "exceeded quota: team").settle();
  cluster.run_all().settle();
  EXPECT_EQ(cluster.condition("Running"), "False/QuotaExceeded");
  EXPECT_EQ(cluster.job["status"]["replicas"], 0);
  EXPECT_EQ(cluster.decision().create.size(), 1U);
  cluster.refuse_nothing();
  cluster.apply(cluster.decision(), cluster.snapshot());
  EXPECT_EQ(cluster.names().size(), 2U);
  for (int i = 0; i < 3; ++i) cluster.apply(cluster.decision(), cluster.snapshot());
  EXPECT_EQ(cluster.names().size(), 4U);
}

TEST(Refusals, OfSomeWorkersLetTheJobRun) {
  Cluster cluster;
  cluster.refuse("Pod digits-worker-2", "Forbidden", "exceeded quota: team").bring_up();
  EXPECT_EQ(cluster.state(), "Running");
  EXPECT_EQ(cluster.condition("Running"), "True/WorkersMissing");
  EXPECT_EQ(cluster.job["status"]["replicas"], 2);
  EXPECT_EQ(cluster.job["status"]["readyReplicas"], 2);
}

TEST(Refusals, OfTheSecretHoldPodsBack) {
  Cluster cluster;
  cluster.refuse("Secret digits-runner", "AlreadyExists", "secrets \"digits-runner\" already exists")
      .settle();
  EXPECT_EQ(cluster.condition("Running"), "False/NameTaken");
  EXPECT_THAT(cluster.message(), HasSubstr("Secret digits-runner"));
  EXPECT_THAT(cluster.decision().create, IsEmpty());
}

TEST(NameTaken, AnEarlierJobsOrchestratorIsWaitedFor) {
  Cluster cluster;
  cluster.foreign_pod("digits-orchestrator-3", Role::kOrchestrator);
  cluster.settle();
  EXPECT_EQ(cluster.condition("Running"), "False/NameTaken");
  EXPECT_THAT(cluster.message(), HasSubstr("digits-orchestrator-3"));
  EXPECT_THAT(cluster.names(), ElementsAre("digits-orchestrator-3"));
  cluster.vanish("digits-orchestrator-3").bring_up();
  EXPECT_EQ(cluster.state(), "Running");
}

TEST(NameTaken, AStrangersPodIsNotTouched) {
  Cluster cluster;
  cluster.foreign_pod("digits-worker-1-0", Role::kWorker).bring_up();
  EXPECT_EQ(cluster.condition("Running"), "True/WorkersMissing");
  EXPECT_THAT(cluster.message(), HasSubstr("Pod digits-worker-1-0 exists"));
  cluster.edit("suspend", true).settle();
  EXPECT_THAT(cluster.going(), Not(Contains("digits-worker-1-0")));
}

}  // namespace
}  // namespace parallelrun::op
