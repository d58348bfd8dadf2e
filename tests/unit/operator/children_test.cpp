// The Secret, Service and account of a job.
#include "operator/pods/children.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "job_manifest.h"
#include "operator/pods/base64.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;
using testing::HasSubstr;

const JobCertificates kCertificates = {
    .authority_pem = "A", .orchestrator = {"B", "C"}, .worker = {"D", "E"}};

TEST(Base64, OfEveryLength) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64(std::string("\0\xff\x10", 3)), "AP8Q");
}

TEST(Secret, HoldsTheJobAndTheCertificates) {
  const JobManifest job;
  const json secret = secret_of(*job, kCertificates).value();
  EXPECT_EQ(secret["metadata"]["name"], "digits-runner");
  EXPECT_EQ(secret["metadata"]["annotations"]["parallelrun.dev/generation"], "3");
  EXPECT_EQ(secret["metadata"]["ownerReferences"][0]["uid"], "u-1");
  EXPECT_EQ(secret["data"].size(), 6U);
  EXPECT_EQ(secret["data"]["ca.crt"], base64("A"));
  EXPECT_EQ(secret["data"]["orchestrator.crt"], base64("B"));
  EXPECT_EQ(secret["data"]["orchestrator.key"], base64("C"));
  EXPECT_EQ(secret["data"]["worker.crt"], base64("D"));
  EXPECT_EQ(secret["data"]["worker.key"], base64("E"));
  const json manifest = {{"apiVersion", "parallelrun.dev/v1alpha1"},
                         {"kind", "ParallelRunJob"},
                         {"metadata", {{"name", "digits"}, {"namespace", "team"}, {"uid", "u-1"}}},
                         {"spec", (*job)["spec"]}};
  EXPECT_EQ(secret["data"]["job.json"], base64(manifest.dump()));
}

TEST(Secret, ProgressDoesNotChangeIt) {
  JobManifest job;
  const json before = secret_of(*job, kCertificates).value();
  job.object()["status"] = {{"progress", {{"percent", 7}}}};
  job.object()["metadata"]["resourceVersion"] = "99";
  EXPECT_EQ(secret_of(*job, kCertificates).value(), before);
}

TEST(Secret, ThePatchTouchesTheJobAlone) {
  JobManifest job;
  job.with("/nodeCount", 9);
  job.object()["metadata"]["generation"] = 4;
  const json patch = secret_patch_of(*job);
  EXPECT_EQ(patch["metadata"]["annotations"]["parallelrun.dev/generation"], "4");
  EXPECT_EQ(patch["metadata"].size(), 2U);
  EXPECT_EQ(patch["data"].size(), 1U);
  json secret = secret_of(*JobManifest(), kCertificates).value();
  secret.merge_patch(patch);
  EXPECT_EQ(secret["data"]["job.json"], secret_of(*job, kCertificates).value()["data"]["job.json"]);
  EXPECT_EQ(secret["data"]["worker.key"], base64("E"));
}

TEST(Secret, AJobThatDoesNotFitIsRefused) {
  // As large as may be, to the byte, and one more.
  JobManifest job;
  job.with("/environment", {{"variables", {{"A", ""}}}});
  const auto fits = [&](std::size_t size) {
    job.with("/environment/variables/A", std::string(size, 'x'));
    return check_manifest_size(*job).ok();
  };
  std::size_t low = 0;
  std::size_t high = 2 * kMostManifestBytes;
  while (high - low > 1) {
    const std::size_t middle = (low + high) / 2;
    (fits(middle) ? low : high) = middle;
  }
  ASSERT_TRUE(fits(low));
  const json secret = secret_of(*job, kCertificates).value();
  EXPECT_EQ(secret["data"]["job.json"].get<std::string>().size(), (kMostManifestBytes + 2) / 3 * 4);
  // The server's bound is on the sum of the decoded values.
  EXPECT_LE(kMostManifestBytes + 6 * 2048, std::size_t{1} << 20U);
  ASSERT_FALSE(fits(high));
  EXPECT_FALSE(secret_of(*job, kCertificates).ok());
  EXPECT_THAT(check_job(*job, Settings{}).error().message, HasSubstr("bytes as JSON"));
}

TEST(Service, LeadsToTheOrchestrator) {
  const json service = service_of(*JobManifest());
  EXPECT_EQ(service["metadata"]["name"], "digits-orchestrator");
  EXPECT_EQ(service_host(*JobManifest()), "digits-orchestrator.team.svc");
  EXPECT_EQ(service["spec"]["type"], "ClusterIP");
  EXPECT_EQ(service["spec"]["selector"],
            json::parse(R"({"parallelrun.dev/job": "digits", "parallelrun.dev/role": "orchestrator"})"));
  EXPECT_EQ(service["spec"]["ports"][0]["port"], 7443);
  // Whatever families the cluster has, and only who is ready.
  for (const char* key : {"ipFamilies", "ipFamilyPolicy", "clusterIP", "publishNotReadyAddresses"}) {
    EXPECT_FALSE(service["spec"].contains(key)) << key;
  }
}

TEST(Account, IsBoundToOneClusterRole) {
  EXPECT_EQ(account_of("team")["metadata"]["name"], "parallelrun-orchestrator");
  const json binding = role_binding_of("team");
  EXPECT_EQ(binding["roleRef"],
            json::parse(R"({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                                                "name": "parallelrun-orchestrator"})"));
  EXPECT_EQ(binding["subjects"],
            json::parse(R"([{"kind": "ServiceAccount", "name": "parallelrun-orchestrator",
                                                  "namespace": "team"}])"));
  EXPECT_FALSE(binding["metadata"].contains("ownerReferences"));
}

}  // namespace
}  // namespace parallelrun::op
