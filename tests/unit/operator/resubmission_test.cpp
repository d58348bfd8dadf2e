// Jobs that are resubmissions of others: what they wait for, what they take, and that it stays theirs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster_model.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

json output_at(const std::string& claim, const std::string& folder) {
  json source = {{"persistentVolumeClaim", {{"claimName", claim}}}};
  if (!folder.empty()) source["subPath"] = folder;
  return {{"source", std::move(source)}};
}

json resubmission() {
  json job = a_job();
  job["spec"]["resubmissionOf"] = "first";
  job["spec"]["output"] = output_at("results", "second");
  return job;
}

json earlier(const json& output = output_at("results", "digits/")) {
  json job = a_job();
  job["metadata"]["name"] = "first";
  job["metadata"]["uid"] = "uid-of-first";
  job["spec"]["output"] = output;
  job["status"] = {{"state", "Complete"},
                   {"conditions", json::array({{{"type", "Complete"}, {"status", "True"}}})}};
  return job;
}

// The orchestrators that were made, by what they were given.
struct Seen {
  explicit Seen(Cluster& cluster) {
    cluster.on_create = [this](const PodIdentity& identity) {
      if (identity.role == Role::kOrchestrator) orchestrators.push_back(identity.earlier_job);
      if (identity.role == Role::kWorker) {
        EXPECT_FALSE(identity.earlier_job);
      }
    };
  }
  std::vector<std::optional<EarlierJob>> orchestrators;
};

TEST(Resubmission, TheOrchestratorGetsTheEarlierOutput) {
  Cluster cluster(resubmission());
  const Seen seen(cluster);
  cluster.earlier.job = earlier();
  cluster.bring_up();
  EXPECT_EQ(cluster.state(), "Running");
  EXPECT_EQ(cluster.job["status"]["resubmission"],
            json({{"name", "first"}, {"uid", "uid-of-first"}, {"subPath", "digits"}}));
  EXPECT_THAT(seen.orchestrators, ElementsAre(EarlierJob{"first", "digits"}));
  ASSERT_FALSE(cluster.events.empty());
  EXPECT_THAT(cluster.events.front().message,
              HasSubstr("what the job 'first' has done and is still good is taken over"));
}

TEST(Resubmission, WhatWasRecordedIsTheJobsWhateverBecomesOfTheEarlierOne) {
  Cluster cluster(resubmission());
  Seen seen(cluster);
  cluster.earlier.job = earlier();
  cluster.bring_up();
  const json recorded = cluster.job["status"]["resubmission"];
  for (const auto& now : {std::optional<json>(), std::optional(earlier(output_at("elsewhere", "")))}) {
    cluster.earlier.job = now;
    cluster.edit("suspend", true).settle();
    cluster.after(std::chrono::seconds(60)).edit("suspend", false);
    cluster.bring_up();
    EXPECT_EQ(cluster.state(), "Running") << cluster.message();
    EXPECT_EQ(cluster.job["status"]["resubmission"], recorded);
    EXPECT_EQ(seen.orchestrators.back(), (EarlierJob{"first", "digits"}));
  }
}

TEST(Resubmission, TheRootOfTheVolume) {
  Cluster cluster(resubmission());
  const Seen seen(cluster);
  cluster.earlier.job = earlier(output_at("results", ""));
  cluster.bring_up();
  EXPECT_FALSE(cluster.job["status"]["resubmission"].contains("subPath"));
  EXPECT_THAT(seen.orchestrators, ElementsAre(EarlierJob{"first", ""}));
}

TEST(Resubmission, AnyOtherJobHasNone) {
  Cluster cluster;
  const Seen seen(cluster);
  cluster.bring_up();
  EXPECT_FALSE(cluster.job["status"].contains("resubmission"));
  EXPECT_THAT(seen.orchestrators, ElementsAre(std::nullopt));
}

TEST(Resubmission, AJobWaitsForOneThatIsNotThere) {
  Cluster cluster(resubmission());
  cluster.earlier.others = {"firts", "letters"};
  cluster.settle();
  EXPECT_EQ(cluster.state(), "Pending");
  EXPECT_EQ(cluster.condition("Running"), "False/EarlierJobMissing");
  EXPECT_THAT(cluster.message(),
              AllOf(HasSubstr("spec.resubmissionOf: there is no job 'first' in the namespace default"),
                    HasSubstr("did you mean 'firts'?"), HasSubstr("Submit that job again"),
                    HasSubstr("take resubmissionOf out")));
  EXPECT_FALSE(cluster.job["status"].contains("startTime"));
  EXPECT_THAT(cluster.names(), IsEmpty());
  EXPECT_EQ(cluster.settle(), 0) << "waiting costs nothing";
  cluster.earlier.job = earlier();
  cluster.bring_up();
  EXPECT_EQ(cluster.state(), "Running");
  // Nor does it wait for ever: the user may change his mind.
  Cluster other(resubmission());
  other.settle();
  EXPECT_THAT(other.message(), Not(HasSubstr("known")));
  other.edit("resubmissionOf", nullptr);
  other.bring_up();
  EXPECT_EQ(other.state(), "Running");
}

TEST(Resubmission, AJobWaitsForTheEndOfTheEarlierOne) {
  Cluster cluster(resubmission());
  json running = earlier();
  running["status"] = {{"state", "Running"}};
  cluster.earlier.job = running;
  cluster.settle();
  EXPECT_EQ(cluster.condition("Running"), "False/EarlierJobActive");
  EXPECT_THAT(cluster.message(),
              AllOf(HasSubstr("the job 'first' has not ended, and this job starts when it has"),
                    HasSubstr("activeDeadlineSeconds")));
  running["spec"]["suspend"] = true;
  cluster.earlier.job = running;
  cluster.settle();
  EXPECT_THAT(cluster.message(), HasSubstr("it is suspended"));
  EXPECT_THAT(cluster.names(), IsEmpty());
  json failed = earlier();
  failed["status"]["conditions"][0]["type"] = "Failed";
  cluster.earlier.job = failed;
  cluster.bring_up();
  EXPECT_EQ(cluster.state(), "Running");
}

TEST(Resubmission, TheOutputsMustBeInOneVolumeAndApart) {
  const auto told = [](const json& there) {
    Cluster cluster(resubmission());
    cluster.earlier.job = earlier(there);
    cluster.settle();
    EXPECT_EQ(cluster.condition("Running"), "False/EarlierJobElsewhere");
    EXPECT_THAT(cluster.names(), IsEmpty());
    return cluster.message();
  };
  EXPECT_THAT(
      told(output_at("other", "digits")),
      AllOf(HasSubstr("the output of the job 'first' is in another volume (the claim 'other') than this "
                      "job's (the claim 'results')"),
            HasSubstr("give spec.output.source that volume, with another subPath")));
  EXPECT_THAT(told(output_at("results", ".//second/")),
              AllOf(HasSubstr("has its output in the same folder ('second')"),
                    HasSubstr("Give spec.output.source another subPath")));
  EXPECT_THAT(told({{"source", {{"s3", {{"bucket", "b"}}}}}}),
              HasSubstr("the output of the job 'first' is in a store"));
}

}  // namespace
}  // namespace parallelrun::op
