// Whatever numbers stand in a job, a decision costs what exists and a bounded number of pods to be made.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "cluster_model.h"
#include "operator/decide/slots.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;
using std::chrono::seconds;
using testing::HasSubstr;

TEST(ManyWorkers, AreMadeABatchAtATime) {
  json job = a_job();
  job["spec"]["nodeCount"] = 1000;
  Cluster cluster(job);
  const Plan plan = cluster.decision();
  EXPECT_EQ(plan.create.size(), 1 + kMostCreated);
  EXPECT_TRUE(plan.more_to_create);
  cluster.bring_up();
  EXPECT_EQ(cluster.pods.size(), 1001U);
  EXPECT_FALSE(cluster.decision().more_to_create);
  EXPECT_EQ(cluster.job["status"]["readyReplicas"], 1000);
  // All are lost at once.
  cluster.after(seconds(60));
  for (int i = 0; i < 1000; ++i) cluster.evict("digits-worker-" + std::to_string(i) + "-0");
  EXPECT_LE(cluster.decision().create.size(), kMostCreated);
  cluster.bring_up();
  EXPECT_EQ(cluster.job["status"]["readyReplicas"], 1000);
}

TEST(ManyWorkers, CostWhatExists) {
  Cluster cluster;
  cluster.bring_up();
  // As an older definition of the resource let it through; the spec is not looked at again.
  cluster.job["spec"]["nodeCount"] = std::numeric_limits<std::int32_t>::max();
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 100; ++i) {
    const Plan plan = cluster.decision();
    ASSERT_LE(plan.create.size(), kMostCreated);
    ASSERT_TRUE(plan.more_to_create);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - began, seconds(20))
      << "200 ms a decision; 2^31 places are 100 GB";
}

TEST(MistakesOfOurs, FailTheJobAndNothingElse) {
  Cluster cluster;
  cluster.bring_up();
  const Plan plan = give_up(cluster.job, "vector::reserve", cluster.now);
  cluster.apply(plan, cluster.snapshot());
  EXPECT_EQ(cluster.condition("Failed"), "True/InternalError");
  EXPECT_EQ(cluster.condition("Running"), "False/Failed");
  EXPECT_THAT(cluster.message(), HasSubstr("vector::reserve"));
  cluster.settle();
  EXPECT_EQ(cluster.going().size(), 4U);
  EXPECT_FALSE(give_up(cluster.job, "again", cluster.now).status) << "a result is not taken back";
}

TEST(StatusCounts, ThatTheSchemaRefusesAreNotWrittenBack) {
  Cluster cluster;
  cluster.bring_up();
  // With an invalid spec the operator sets fewer members than usual: the others were kept as they stood.
  cluster.job["metadata"]["generation"] = 9;
  cluster.job["spec"]["nodeCount"] = 0;
  json& status = cluster.job["status"];
  for (const char* name : {"activeSeconds", "replicas", "readyReplicas", "infrastructureFailures"}) {
    status[name] = -7;
  }
  const Plan plan = cluster.decision();
  ASSERT_TRUE(plan.status);
  EXPECT_FALSE(plan.status->contains("activeSeconds"));
  EXPECT_GE(plan.status->value("replicas", 0), 0);
  EXPECT_GE(plan.status->value("readyReplicas", 0), 0);
  EXPECT_GE(plan.status->value("infrastructureFailures", 0), 0);
}

TEST(UnreadableJob, IsFailedWithTheReason) {
  json job = {{"apiVersion", a_job()["apiVersion"]}, {"metadata", a_job()["metadata"]}};
  job["unreadable"] = "its content is nested deeper than 100 levels";
  Cluster cluster(job);
  cluster.settle();
  EXPECT_EQ(cluster.condition("Failed"), "True/InvalidSpec");
  EXPECT_THAT(cluster.message(), HasSubstr("nested deeper than 100 levels"));
}

// Replaces values of a job and its pods by extreme ones, many at a time, and decides.
class Extremes {
 public:
  explicit Extremes(std::uint64_t seed) : random_(seed) {}

  void decide_on(Cluster& cluster) {
    Snapshot seen = cluster.snapshot();
    for (const char* part : {"spec", "status"}) {
      if (seen.job.contains(part)) spoil(seen.job[part]);
    }
    if (one_in(4)) seen.job["metadata"]["generation"] = number();
    for (PodView& pod : seen.pods) {
      if (one_in(3)) pod.index = static_cast<std::uint32_t>(random_());
      if (one_in(3)) pod.incarnation = static_cast<std::uint32_t>(random_() & 0x7fffffffU);
      if (one_in(3)) pod.created = time();
      if (pod.ended && one_in(3)) pod.ended->finished = time();
      if (pod.ended && one_in(3)) pod.ended->started = time();
      if (pod.ended && one_in(3)) pod.ended->exit_code = static_cast<int>(random_());
    }
    const Plan plan = decide(seen, cluster.settings, cluster.now);
    EXPECT_LE(plan.create.size(), 1 + kMostCreated);
    if (plan.status) {
      EXPECT_NO_THROW((void)plan.status->dump());
    }
  }

 private:
  bool one_in(std::uint64_t n) { return random_() % n == 0; }
  std::int64_t number() {
    static constexpr std::array<std::int64_t, 12> kNumbers = {std::numeric_limits<std::int64_t>::min(),
                                                              std::numeric_limits<std::int64_t>::max(),
                                                              -1,
                                                              0,
                                                              1,
                                                              100'000'000,
                                                              std::numeric_limits<std::int32_t>::max(),
                                                              std::numeric_limits<std::int32_t>::min(),
                                                              1LL << 31,
                                                              1LL << 32,
                                                              (1LL << 32) - 1,
                                                              1LL << 53};
    return kNumbers[random_() % kNumbers.size()];
  }
  // What RFC 3339 can say, the years 1 to 9999 and a little beyond.
  WallTime time() {
    return WallTime(std::chrono::milliseconds(static_cast<std::int64_t>(random_() % 600'000'000'000'000ULL) -
                                              300'000'000'000'000LL));
  }
  json value() {
    switch (random_() % 9) {
      case 0:
        return nullptr;
      case 1:
        return json::array();
      case 2:
        return json::object();
      case 3:
        return "";
      case 4:
        return "9999-12-31T23:59:59Z";
      case 5:
        return "0001-01-01T00:00:00Z";
      case 6:
        return 1e308;
      case 7:
        return true;
      default:
        return number();
    }
  }
  void spoil(json& part) {
    if (part.is_structured()) {
      for (auto& inner : part) spoil(inner);
      if (!one_in(60)) return;
    } else if (!one_in(12)) {
      return;
    }
    part = value();
  }

  std::mt19937_64 random_;
};

TEST(Extremes, AreDecidedOn) {
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    SCOPED_TRACE(seed);
    Extremes extremes(seed);
    Cluster cluster;
    cluster.edit("activeDeadlineSeconds", 100).edit("ttlSecondsAfterFinished", 10);
    extremes.decide_on(cluster);
    cluster.bring_up();
    for (int i = 0; i < 5; ++i) extremes.decide_on(cluster);
    cluster.after(seconds(30)).exit("digits-worker-1-0", 1, "boom").evict("digits-worker-2-0");
    for (int i = 0; i < 5; ++i) extremes.decide_on(cluster);
    cluster.settle();
    for (int i = 0; i < 5; ++i) extremes.decide_on(cluster);
    cluster.exit("digits-orchestrator-0", 0, said("Complete", "Completed", "done"));
    for (int i = 0; i < 5; ++i) extremes.decide_on(cluster);
    cluster.settle();
    for (int i = 0; i < 5; ++i) extremes.decide_on(cluster);
  }
}

}  // namespace
}  // namespace parallelrun::op
