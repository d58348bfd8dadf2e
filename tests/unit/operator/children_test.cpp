// The Secret, Service and account of a job.
#include "operator/pods/children.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/openssl/base64.h"
#include "job_manifest.h"
#include "operator/pods/job_secret.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;
using testing::HasSubstr;

std::chrono::sys_seconds today() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

const JobAuthority& authority() {
  static const JobAuthority kAuthority = JobAuthority::make("digits", today()).value();
  return kAuthority;
}

json secret(const json& job, std::uint32_t number = 0) {
  return secret_of(job, number, authority(), today()).value();
}

json patch_of(const json& job, const json& found, std::uint32_t number = 0) {
  return secret_patch_of(job, number, found, authority(), today()).value();
}

std::vector<std::string> names_in(const json& object) {
  std::vector<std::string> names;
  for (const auto& [name, value] : object["data"].items()) names.push_back(name);
  return names;
}

TEST(Base64, OfEveryLength) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64(std::string("\0\xff\x10", 3)), "AP8Q");
}

TEST(Base64, IsReadAgain) {
  for (const std::string text : {"", "f", "fo", "foo", "foobar"}) EXPECT_EQ(from_base64(base64(text)), text);
  EXPECT_EQ(from_base64(base64(std::string("\0\xff\x10\0", 4))), std::string("\0\xff\x10\0", 4));
  for (const char* wrong : {"Zg=", "Z", "!!!!"}) EXPECT_EQ(from_base64(wrong), "");
}

TEST(Secret, HoldsTheJobAndACertificateForEachPod) {
  JobManifest job;
  job.with("/nodeCount", 2);
  const json made = secret(*job);
  EXPECT_EQ(made["metadata"]["name"], "digits-runner");
  EXPECT_EQ(made["metadata"]["annotations"]["parallelrun.dev/generation"], "3");
  EXPECT_EQ(made["metadata"]["ownerReferences"][0]["uid"], "u-1");
  EXPECT_THAT(names_in(made), testing::UnorderedElementsAre(
                                  "job.json", "ca.crt", "ca.key", "orchestrator.crt", "orchestrator.key",
                                  "worker-0.crt", "worker-0.key", "worker-1.crt", "worker-1.key"));
  EXPECT_EQ(made["data"]["ca.crt"], base64(authority().certificate_pem()));
  const json manifest = {{"apiVersion", "parallelrun.dev/v1alpha1"},
                         {"kind", "ParallelRunJob"},
                         {"metadata", {{"name", "digits"}, {"namespace", "team"}, {"uid", "u-1"}}},
                         {"spec", (*job)["spec"]}};
  EXPECT_EQ(made["data"]["job.json"], base64(manifest.dump()));
  EXPECT_EQ(authority_in(made)->stored().key_pem, authority().stored().key_pem);
}

TEST(Secret, VeryManyWorkersHaveSecretsOfTheirOwn) {
  JobManifest job;
  EXPECT_EQ(secrets_of(*job), 1U);
  job.with("/nodeCount", kWorkersInSecret);
  EXPECT_EQ(secrets_of(*job), 1U);
  job.with("/nodeCount", kWorkersInSecret + 1);
  EXPECT_EQ(secrets_of(*job), 2U);
  const json further = secret(*job, 1);
  EXPECT_EQ(further["metadata"]["name"], "digits-runner-1");
  EXPECT_THAT(names_in(further), testing::UnorderedElementsAre("ca.crt", "worker-128.crt", "worker-128.key"));
  EXPECT_EQ(secret(*job)["data"].size(), 5U + 2 * kWorkersInSecret);
  job.with("/nodeCount", 10'000);
  EXPECT_EQ(secrets_of(*job), 79U);
}

TEST(Secret, ProgressDoesNotChangeIt) {
  JobManifest job;
  const json before = secret(*job);
  job.object()["status"] = {{"progress", {{"percent", 7}}}};
  job.object()["metadata"]["resourceVersion"] = "99";
  EXPECT_EQ(secret(*job)["data"]["job.json"], before["data"]["job.json"]);
  EXPECT_FALSE(changes_certificates(patch_of(*job, before)));
}

TEST(Secret, ThePatchBringsTheJobAndNewWorkersAndLeavesTheOthers) {
  JobManifest job;
  job.with("/nodeCount", 2);
  const json before = secret(*job);
  job.with("/nodeCount", 4);
  job.object()["metadata"]["generation"] = 4;
  const json patch = patch_of(*job, before);
  EXPECT_EQ(patch["metadata"]["annotations"]["parallelrun.dev/generation"], "4");
  EXPECT_THAT(names_in(patch), testing::UnorderedElementsAre("job.json", "worker-2.crt", "worker-2.key",
                                                             "worker-3.crt", "worker-3.key"));
  EXPECT_TRUE(changes_certificates(patch));
  json after = before;
  after.merge_patch(patch);
  EXPECT_EQ(after["data"]["worker-1.key"], before["data"]["worker-1.key"]);
  EXPECT_EQ(after["data"]["job.json"], secret(*job)["data"]["job.json"]);
  EXPECT_FALSE(changes_certificates(patch_of(*job, after)));
}

TEST(Secret, WhatWearsOutOrIsOfAnotherAuthorityIsMadeAnew) {
  const JobManifest job;
  const json before = secret(*job);
  const auto in_nine_years = today() + std::chrono::hours(24 * 3400);
  const json renewed = secret_patch_of(*job, 0, before, authority(), in_nine_years).value();
  EXPECT_TRUE(renewed["data"].contains("orchestrator.crt") && renewed["data"].contains("worker-0.crt"));
  const JobAuthority other = JobAuthority::make("digits", today()).value();
  const json anew = secret_patch_of(*job, 0, before, other, today()).value();
  EXPECT_THAT(names_in(anew), testing::UnorderedElementsAreArray(names_in(before)));
  EXPECT_FALSE(authority_in({{"data", {{"ca.crt", "eA=="}}}}).ok());
}

TEST(Secret, AJobThatDoesNotFitIsRefused) {
  // As large as may be, to the byte, and one more.
  JobManifest job;
  job.with("/environment", {{"variables", {{"A", ""}}}}).with("/nodeCount", kWorkersInSecret);
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
  const json largest = secret(*job);
  EXPECT_EQ(largest["data"]["job.json"].get<std::string>().size(), (kMostManifestBytes + 2) / 3 * 4);
  // The server's bound is on the sum of the decoded values.
  std::size_t decoded = 0;
  for (const auto& [name, value] : largest["data"].items()) {
    decoded += value.get<std::string>().size() / 4 * 3;
  }
  EXPECT_LE(decoded + 64U * 1024U, std::size_t{1} << 20U);
  ASSERT_FALSE(fits(high));
  EXPECT_FALSE(secret_of(*job, 0, authority(), today()).ok());
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
