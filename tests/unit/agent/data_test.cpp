// Mini-batches whose objects have to be fetched from a store before a process gets them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <set>

#include "fake_workers.h"
#include "runner/agent/agent_core.h"

namespace parallelrun::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

// Holds what it was asked for until it is released. Attempts below 100 need data.
class FakeData : public DataControl {
 public:
  bool fetch(const Lease& lease) override {
    if (lease.attempt >= 100) return false;
    asked.push_back(lease.attempt);
    held.insert(lease.attempt);
    return true;
  }
  void release(std::uint64_t attempt) override { held.erase(attempt); }

  std::vector<std::uint64_t> asked;
  std::set<std::uint64_t> held;
};

std::vector<std::uint64_t> attempts_of(const ReportRequest& report) {
  std::vector<std::uint64_t> out;
  for (const AttemptResult& result : report.results) out.push_back(result.attempt);
  return out;
}

class Data : public testing::Test {
 protected:
  void come(std::uint64_t attempt, const std::string& descriptor = "local") {
    FetchedData fetched;
    fetched.descriptor = descriptor;
    stage.core->on_data(attempt, std::move(fetched), stage.now);
  }
  void fail(std::uint64_t attempt, Outcome outcome, bool ends_the_job = false) {
    FetchedData fetched;
    fetched.outcome = outcome;
    fetched.error = {ErrorPhase::kRead, "StoreError", "the store says no", ""};
    fetched.ends_the_job = ends_the_job;
    stage.core->on_data(attempt, std::move(fetched), stage.now);
  }
  std::vector<std::uint64_t> tasks(SlotIndex slot) {
    std::vector<std::uint64_t> out;
    for (const GivenTask& task : stage.process(slot).tasks) out.push_back(task.attempt);
    return out;
  }

  FakeData data;
  Stage stage{1, {}, &data};
};

TEST_F(Data, AProcessGetsAMiniBatchOnceItsObjectsAreHere) {
  stage.ready().lease({1, 2});
  EXPECT_THAT(data.asked, ElementsAre(1, 2));
  EXPECT_THAT(tasks(0), IsEmpty());
  come(2, "where two lies");
  EXPECT_THAT(tasks(0), ElementsAre(2));
  EXPECT_EQ(stage.process(0).tasks.front().descriptor, "where two lies");
  stage.result(0, 2);
  EXPECT_THAT(data.held, ElementsAre(1)) << "dropped with the result";
  come(1);
  stage.result(0, 1);
  EXPECT_THAT(data.held, IsEmpty());
  EXPECT_EQ(stage.report().results.size(), 2u);
}

TEST_F(Data, WhatNeedsNothingDoesNotWait) {
  stage.ready().lease({1, 100});
  EXPECT_THAT(tasks(0), ElementsAre(100));
}

TEST_F(Data, OneMoreIsAskedForThanIsRun) {
  stage.ready();
  EXPECT_EQ(stage.core->want(), 2u) << "one to run, and one to fetch meanwhile";
  Stage without;
  without.ready();
  EXPECT_EQ(without.core->want(), 1u);
  stage.lease({1});
  EXPECT_EQ(stage.core->want(), 1u) << "what is on its way counts";
  stage.lease({2});
  come(1);
  stage.enter(0, 1);
  stage.pass(seconds(5));
  EXPECT_EQ(stage.core->want(), 0u);
  EXPECT_THAT(stage.report().results, IsEmpty()) << "the second waits here, however long the first takes";
  EXPECT_THAT(data.held, ElementsAre(1, 2));
  stage.lease({3, 4});
  stage.pass(seconds(4));
  EXPECT_THAT(attempts_of(stage.report()), ElementsAre(4, 3)) << "others may be idle";
  EXPECT_THAT(data.held, ElementsAre(1, 2));
}

TEST_F(Data, AFailedFetchCostsATry) {
  stage.ready().lease({1, 2});
  fail(1, Outcome::kFailedForGood);
  fail(2, Outcome::kFailed);
  const ReportRequest report = stage.report();
  ASSERT_EQ(report.results.size(), 2u);
  EXPECT_EQ(report.results[0].outcome, Outcome::kFailedForGood);
  EXPECT_EQ(report.results[0].error.message, "the store says no");
  EXPECT_EQ(report.results[0].items, 10u);
  EXPECT_EQ(report.results[1].outcome, Outcome::kFailed);
  EXPECT_THAT(data.held, IsEmpty());
}

TEST_F(Data, AStoreThatNoMiniBatchCanBeReadFromEndsTheJob) {
  stage.ready().lease({1});
  fail(1, Outcome::kFailed, true);
  const ReportRequest report = stage.report();
  ASSERT_EQ(report.failures.size(), 1u);
  EXPECT_TRUE(report.failures[0].fatal);
  ASSERT_EQ(report.results.size(), 1u);
  EXPECT_EQ(report.results[0].outcome, Outcome::kReturned) << "no item failed for that";
}

TEST_F(Data, WhatIsGivenUpIsReleasedAndAnswersForItAreNothing) {
  stage.ready().lease({1, 2, 3});
  come(1);
  stage.enter(0, 1);
  LeaseReply reply;
  reply.revoked = {2};
  stage.core->on_lease_reply(std::move(reply), stage.now);
  EXPECT_THAT(data.held, ElementsAre(1, 3));
  come(2);
  stage.core->stop(milliseconds(10), stage.now);
  EXPECT_THAT(data.held, ElementsAre(1)) << "what runs keeps its files";
  fail(3, Outcome::kFailed);
  stage.pass(seconds(1));
  stage.exit(0, "SIGKILL");
  EXPECT_THAT(data.held, IsEmpty());
  for (const AttemptResult& result : stage.report().results)
    EXPECT_EQ(result.outcome, Outcome::kReturned) << result.attempt;
}

TEST_F(Data, ANewSessionGivesUpWhatWaited) {
  stage.ready().lease({1, 2});
  come(1);
  stage.core->on_session(seconds(20), stage.now);
  EXPECT_THAT(data.held, ElementsAre(1)) << "in a process";
}

TEST_F(Data, ADeathKeepsTheFilesOfWhatIsTriedHereAgain) {
  stage.ready().lease({1, 2});
  come(1);
  come(2);
  stage.enter(0, 1);
  stage.exit(0);
  EXPECT_THAT(data.held, ElementsAre(2)) << "the first one paid with a try";
}

TEST_F(Data, ADrainWaitsForWhatIsOnItsWay) {
  stage.ready().lease({1}, Directive::kDrain);
  EXPECT_FALSE(stage.core->finished());
  EXPECT_FALSE(stage.process(0).shutting_down);
  come(1);
  EXPECT_THAT(tasks(0), ElementsAre(1));
}

}  // namespace
}  // namespace parallelrun::agent
