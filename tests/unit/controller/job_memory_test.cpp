#include "operator/controller/job_memory.h"

#include <gtest/gtest.h>

namespace parallelrun::op {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

const kube::Time kBegin{1h};
const WallTime kWall{std::chrono::hours(1)};

kube::CachedObject object(const std::string& uid, const std::string& version) {
  return {uid, version, kube::PackedJson(json{{"version", version}})};
}

kube::ApiError refusal(const std::string& message) {
  kube::ApiError error;
  error.failure = kube::ApiFailure::kForbidden;
  error.reason = "Forbidden";
  error.message = message;
  return error;
}

TEST(JobMemory, AWrittenJobIsBelievedUntilTheCacheHasCaughtUp) {
  JobMemory memory;
  memory.wrote_job("1", object("u", "2"));
  memory.wrote_job("2", object("u", "3"));
  EXPECT_EQ(memory.latest_job(object("u", "1")).resource_version, "3");
  EXPECT_EQ(memory.latest_job(object("u", "2")).resource_version, "3");
  EXPECT_TRUE(memory.wrote_version("3"));
  EXPECT_FALSE(memory.wrote_version("4"));
  EXPECT_EQ(memory.latest_job(object("u", "4")).resource_version, "4");
  EXPECT_TRUE(memory.empty());
}

TEST(JobMemory, AWriteThatChangedNothingIsForgotten) {
  JobMemory memory;
  memory.wrote_job("1", object("u", "1"));
  EXPECT_EQ(memory.latest_job(object("u", "1")).resource_version, "1");
  EXPECT_TRUE(memory.empty());
}

TEST(JobMemory, ACreatedPodIsSeenAtOnceAndNotTwice) {
  JobMemory memory;
  memory.created_pod({"ns", "a"}, object("ua", "5"), kBegin);
  JobMemory::Pods pods;
  std::set<std::string> removed;
  memory.merge_pods(pods, removed, kBegin);
  ASSERT_EQ(pods.size(), 1U);
  EXPECT_EQ(pods[0].first.name, "a");
  pods = {{{"ns", "a"}, object("ua", "6")}};
  memory.merge_pods(pods, removed, kBegin);
  ASSERT_EQ(pods.size(), 1U);
  EXPECT_EQ(pods[0].second.resource_version, "6");
  EXPECT_TRUE(memory.empty());
}

TEST(JobMemory, ACreatedPodThatTheCacheNeverShowsIsDoubtedAfterTenSeconds) {
  JobMemory memory;
  memory.created_pod({"ns", "a"}, object("ua", "5"), kBegin);
  EXPECT_EQ(memory.unsettled_until(), kBegin + 10s);
  std::set<std::string> removed;
  JobMemory::Pods pods;
  memory.merge_pods(pods, removed, kBegin + 10s - 1ns);
  EXPECT_EQ(pods.size(), 1U);
  pods.clear();
  memory.merge_pods(pods, removed, kBegin + 10s);
  EXPECT_TRUE(pods.empty());
  EXPECT_FALSE(memory.unsettled_until());
}

TEST(JobMemory, ARemovedPodIsLeavingUntilItIsGone) {
  JobMemory memory;
  memory.removed_pod("ua", kBegin);
  JobMemory::Pods pods = {{{"ns", "a"}, object("ua", "5")}};
  std::set<std::string> removed;
  memory.merge_pods(pods, removed, kBegin);
  EXPECT_TRUE(removed.contains("ua"));
  pods.clear();
  removed.clear();
  memory.merge_pods(pods, removed, kBegin);
  EXPECT_TRUE(removed.empty());
  EXPECT_TRUE(memory.empty());
}

TEST(JobMemory, TheSecretIsKnownByWhatWasWrittenOrPromised) {
  JobMemory memory;
  EXPECT_EQ(memory.secret_generation("u", -1), -1);
  EXPECT_EQ(memory.secret_generation("u", 3), 3);
  memory.wrote_secret("u", 4);
  EXPECT_EQ(memory.secret_generation("u", 3), 4);
  EXPECT_EQ(memory.secret_generation("u", 4), 4);
  EXPECT_TRUE(memory.empty()) << "the caches promise it now";
  memory.wrote_secret("u", 4);
  EXPECT_EQ(memory.secret_generation("other", -1), -1) << "another job of the same name";
}

TEST(JobMemory, ALostSecretIsNotBelievedWhateverIsPromised) {
  JobMemory memory;
  memory.lost_secret();
  EXPECT_EQ(memory.secret_generation("u", 3), -1);
  memory.wrote_secret("u", 3);
  EXPECT_EQ(memory.secret_generation("u", 3), 3);
}

TEST(JobMemory, ARefusedWriteWaitsLongerEachTime) {
  JobMemory memory;
  kube::Time now = kBegin;
  for (const auto pause : {1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s}) {
    EXPECT_EQ(memory.refused("Pod a", refusal("quota"), false, 1, kWall, now), now + pause);
    EXPECT_EQ(memory.held_until("Pod a", now + pause - 1ns), now + pause);
    EXPECT_FALSE(memory.held_until("Pod a", now + pause));
    now += pause;
  }
  EXPECT_FALSE(memory.held_until("Pod b", kBegin));
  memory.accepted("Pod a");
  EXPECT_EQ(memory.refused("Pod a", refusal("quota"), false, 1, kWall, now), now + 1s);
}

TEST(JobMemory, RefusalsAreToldUnlessQuietAndEndWithTheGeneration) {
  JobMemory memory;
  memory.refused("Pod a", refusal("quota"), false, 1, kWall, kBegin);
  memory.refused("Pod b", refusal("ends"), true, 1, kWall, kBegin);
  const auto told = memory.refusals(1, kBegin);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].object, "Pod a");
  EXPECT_EQ(told[0].reason, "Forbidden");
  EXPECT_EQ(told[0].message, "quota");
  EXPECT_TRUE(memory.refusals(2, kBegin).empty());
  EXPECT_FALSE(memory.held_until("Pod a", kBegin));
}

TEST(JobMemory, ARefusalThatNobodyTriesAgainIsForgotten) {
  JobMemory memory;
  memory.refused("Pod a", refusal("quota"), false, 1, kWall, kBegin);
  EXPECT_EQ(memory.refusals(1, kBegin + 1s + 5min).size(), 1U);
  EXPECT_TRUE(memory.refusals(1, kBegin + 1s + 5min + 1ns).empty());
}

TEST(JobMemory, WarningsAreReadOnceInAWhile) {
  JobMemory memory;
  EXPECT_TRUE(memory.may_read_warnings("ua", kBegin));
  memory.read_warnings("ua", {{"FailedMount", "no volume", kWall}}, kBegin);
  EXPECT_FALSE(memory.may_read_warnings("ua", kBegin + 10s - 1ns));
  EXPECT_TRUE(memory.may_read_warnings("ua", kBegin + 10s));
  EXPECT_EQ(memory.warnings("ua").size(), 1U);
  memory.forget_warnings_but({});
  EXPECT_TRUE(memory.warnings("ua").empty());
}

}  // namespace
}  // namespace parallelrun::op
