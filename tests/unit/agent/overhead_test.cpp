// What a mini-batch costs around run(): phases that do not end, processes that hold others up, that are
// stopped, that send rubbish, and that the kernel does not let go.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "fake_workers.h"
#include "runner/agent/proc_files.h"

namespace parallelrun::agent {
namespace {

using channel::Phase;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::StartsWith;

const Duration kOverhead = AgentCore::Options().overhead_timeout;

std::vector<std::uint64_t> attempts_of(const std::vector<AttemptResult>& results) {
  std::vector<std::uint64_t> out;
  for (const AttemptResult& result : results) out.push_back(result.attempt);
  return out;
}

std::vector<std::uint64_t> tasks_of(const FakeProcess& process) {
  std::vector<std::uint64_t> out;
  for (const Lease& lease : process.tasks) out.push_back(lease.attempt);
  return out;
}

// A process that is given three tasks at once.
Stage& three_at_once(Stage& stage) {
  stage.ready();
  stage.lease({90, 91});
  stage.result(0, 90);
  stage.result(0, 91);
  stage.report();
  stage.lease({1, 2, 3});
  return stage;
}

TEST(Overhead, BoundsEveryPhaseOutsideRunToTheNanosecond) {
  struct Case {
    Phase phase;
    std::uint64_t stamped;
    std::size_t unfinished_bytes;
    std::string state;
    std::uint64_t charged;
    ErrorPhase where;
    std::string words;
  };
  const std::string after = " after 600 s (taskOverheadTimeout)";
  const std::vector<Case> cases = {
      {Phase::kLoading, 1, 0, "", 1, ErrorPhase::kRead,
       "reading the data of mini-batch 1 did not end" + after},
      {Phase::kFinishing, 2, 0, "", 2, ErrorPhase::kResult,
       "writing the result of mini-batch 2 did not end" + after},
      {Phase::kIdle, 2, 0, "", 2, ErrorPhase::kResult, "the result of mini-batch 2 did not arrive" + after},
      {Phase::kIdle, 2, 7, "", 1, ErrorPhase::kResult,
       "the result of mini-batch 1 did not arrive" + after +
           ": the process sent 7 bytes that are not a whole frame; check whether the script writes to file "
           "descriptor 3"},
      {Phase::kIdle, 0, 0, "", 1, ErrorPhase::kRead, "the process did not begin mini-batch 1" + after},
      {Phase::kInRun, 99, 0, "", 1, ErrorPhase::kRead, "the process did not begin mini-batch 1" + after},
      {Phase::kLoading, 1, 0, "the process is stopped (state T)", 1, ErrorPhase::kRead,
       "reading the data of mini-batch 1 did not end" + after + "; the process is stopped (state T)"},
  };
  for (const Case& c : cases) {
    Stage stage;
    three_at_once(stage);
    ASSERT_EQ(stage.process(0).tasks.size(), 3u);
    const Time begin = stage.now;
    stage.enter(0, c.stamped, c.phase);
    stage.process(0).look = {77, c.unfinished_bytes, c.state};
    stage.pass(kOverhead - nanoseconds(1));
    EXPECT_EQ(stage.process(0).dumps, 0) << c.words;
    EXPECT_FALSE(stage.process(0).killed) << c.words;
    stage.pass(nanoseconds(1));
    ASSERT_EQ(stage.now, begin + kOverhead);
    EXPECT_EQ(stage.process(0).dumps, 1) << c.words;
    stage.pass(stage.options.dump_grace);
    EXPECT_TRUE(stage.process(0).killed) << c.words;
    stage.exit(0, "SIGKILL");
    std::vector<AttemptResult> paid;
    for (AttemptResult& result : stage.report().results) {
      if (result.outcome != Outcome::kReturned) paid.push_back(std::move(result));
    }
    ASSERT_EQ(attempts_of(paid), std::vector<std::uint64_t>{c.charged}) << c.words;
    EXPECT_EQ(paid[0].outcome, Outcome::kTimedOut);
    EXPECT_EQ(paid[0].error.type, "TimeoutExpired");
    EXPECT_EQ(paid[0].error.phase, c.where);
    EXPECT_EQ(paid[0].error.message, c.words + "; the process was killed");
    EXPECT_EQ(paid[0].error.traceback, "its last words");
  }
}

TEST(Overhead, CountsEachPhaseOnItsOwn) {
  Stage stage;
  stage.ready().lease({1});
  for (const Phase phase : {Phase::kLoading, Phase::kFinishing, Phase::kIdle}) {
    stage.enter(0, 1, phase);
    stage.pass(kOverhead - seconds(1));
    EXPECT_FALSE(stage.process(0).killed);
  }
  stage.result(0, 1);
  EXPECT_EQ(attempts_of(stage.report().results), std::vector<std::uint64_t>{1});
}

TEST(Overhead, MovesByTheTimeInWhichTheAgentStoodStill) {
  for (const Phase phase : {Phase::kLoading, Phase::kIdle}) {
    Stage stage;
    stage.ready().lease({1});
    stage.enter(0, 1, phase);
    stage.pass(seconds(10));
    stage.now += kOverhead;  // nobody looked at the clock
    stage.core->on_contact(stage.now);
    stage.core->advance(stage.now);
    stage.pass(kOverhead - seconds(10) - nanoseconds(1));
    EXPECT_EQ(stage.process(0).dumps, 0);
    stage.pass(nanoseconds(1));
    EXPECT_EQ(stage.process(0).dumps, 1);
  }
}

TEST(Overhead, TheColumnTypesOfAnInputAreBoundedToo) {
  Stage stage;
  stage.ready();
  LeaseReply reply;
  reply.leases.resize(1);
  reply.leases[0].kind = LeaseKind::kInferTypes;
  reply.leases[0].attempt = 5;
  stage.core->on_lease_reply(std::move(reply), stage.now);
  stage.enter(0, 5, Phase::kLoading);
  stage.pass(kOverhead + stage.options.dump_grace);
  ASSERT_TRUE(stage.process(0).killed);
  stage.exit(0, "SIGKILL");
  const ReportRequest report = stage.report();
  ASSERT_EQ(attempts_of(report.results), std::vector<std::uint64_t>{5});
  EXPECT_THAT(report.results[0].error.message, StartsWith("reading the data of the column types of input 0"));
}

TEST(ColumnTypes, HaveTimesThoughTheirProcessGivesNone) {
  Stage stage;
  stage.options.unix_minus_steady_us = 1'700'000'000'000'000;
  stage.core.emplace(stage.options, stage.workers, stage.outbox, stage.observer);
  stage.ready();
  LeaseReply reply;
  reply.leases.resize(1);
  reply.leases[0].kind = LeaseKind::kInferTypes;
  reply.leases[0].attempt = 5;
  stage.core->on_lease_reply(std::move(reply), stage.now);
  stage.enter(0, 5, Phase::kLoading);
  const auto begin = stage.now.time_since_epoch() / std::chrono::microseconds(1);
  stage.pass(milliseconds(1500));
  AttemptResult result;
  result.kind = LeaseKind::kInferTypes;
  result.attempt = 5;
  stage.core->on_result(0, std::move(result), stage.now);
  const ReportRequest report = stage.report();
  ASSERT_EQ(report.results.size(), 1u);
  EXPECT_EQ(report.results[0].started_unix_us, begin + stage.options.unix_minus_steady_us) << "and not 1970";
  EXPECT_EQ(report.results[0].duration_us, 1'500'000u);
}

TEST(Overhead, AResultThatComesBetweenDecisionAndKillIsTooLate) {
  Stage stage;
  stage.ready().lease({1});
  stage.enter(0, 1, Phase::kFinishing);
  stage.pass(kOverhead);
  stage.result(0, 1);
  stage.pass(stage.options.dump_grace);
  stage.exit(0, "SIGKILL");
  const ReportRequest report = stage.report();
  ASSERT_EQ(attempts_of(report.results), std::vector<std::uint64_t>{1});
  EXPECT_EQ(report.results[0].outcome, Outcome::kTimedOut);
}

TEST(Stopped, AProcessIsSaidToBeWhereItsTimeRunsOut) {
  const std::string held = "the process is stopped (state T: it got SIGSTOP, or a terminal stopped it)";
  EXPECT_EQ(state_in_words('T'), held);
  EXPECT_EQ(state_in_words('R'), "");
  EXPECT_EQ(state_in_words('S'), "");
  Stage stage;
  stage.ready().lease({1});
  stage.enter(0, 1);
  stage.process(0).look.state = held;
  stage.pass(seconds(11));
  stage.exit(0, "SIGKILL");
  EXPECT_EQ(stage.report().results.at(0).error.message,
            "run() did not return after 10 s (runInvocationTimeout); " + held + "; the process was killed");
  stage.process(0).look.state = held;
  stage.pass(seconds(31));
  stage.exit(0, "SIGKILL");
  EXPECT_THAT(stage.report().failures.at(0).error.message, HasSubstr("(initTimeout); " + held));
}

// Rubbish on the channel, after which nothing that the process says can be believed.
TEST(Nonsense, CostsTheTaskThatWasRunLastEvenWhereOthersSucceededBefore) {
  Stage stage;
  three_at_once(stage);
  stage.enter(0, 1);
  stage.result(0, 1);
  stage.enter(0, 2);
  stage.enter(0, 2, Phase::kIdle);
  stage.core->on_nonsense(0, "a frame of the unknown type 99", stage.now);
  EXPECT_TRUE(stage.process(0).killed);
  stage.result(0, 2);  // behind it in the same read
  stage.exit(0, "SIGKILL");
  const ReportRequest report = stage.report();
  ASSERT_EQ(attempts_of(report.results), (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(report.results[1].outcome, Outcome::kDied);
  EXPECT_THAT(report.results[1].error.message, HasSubstr("unknown type 99"));
}

TEST(TakingBack, WhatWaitsBehindASlowTaskIsGivenToAnIdleProcess) {
  Stage stage(2);
  stage.ready();
  for (std::uint64_t i = 90; i < 98; i += 2) {
    stage.lease({i, i + 1});
    stage.result(0, i);
    stage.result(1, i + 1);
  }
  stage.report();
  stage.lease({1, 2, 3, 4, 5, 6});
  ASSERT_EQ(tasks_of(stage.process(0)), (std::vector<std::uint64_t>{1, 2, 3}));
  ASSERT_EQ(tasks_of(stage.process(1)), (std::vector<std::uint64_t>{4, 5, 6}));
  stage.enter(0, 1, Phase::kLoading);
  for (const std::uint64_t task : {4, 5, 6}) stage.result(1, task);
  stage.now += milliseconds(900);
  stage.core->advance(stage.now);
  EXPECT_EQ(stage.process(0).take_backs, 0);
  stage.now += milliseconds(100);
  stage.core->advance(stage.now);
  EXPECT_EQ(stage.process(0).take_backs, 1);
  EXPECT_TRUE(stage.process(1).tasks.empty()) << "the process may have begun one just now";
  stage.now += milliseconds(50);
  stage.core->advance(stage.now);
  EXPECT_EQ(tasks_of(stage.process(1)), (std::vector<std::uint64_t>{2, 3}));
  // The slow one comes back, and leaves what is not its own any more.
  stage.result(0, 1, seconds(5));
  stage.core->on_skipped(0, 2, stage.now);
  stage.core->on_skipped(0, 3, stage.now);
  EXPECT_FALSE(stage.process(0).killed);
  stage.result(1, 2);
  stage.result(1, 3);
  EXPECT_EQ(attempts_of(stage.report().results), (std::vector<std::uint64_t>{4, 5, 6, 1, 2, 3}));
  EXPECT_EQ(stage.workers.violations, 0);
}

TEST(TakingBack, ATaskThatWasBegunMeanwhileStays) {
  Stage stage;
  three_at_once(stage);
  stage.enter(0, 1);
  stage.pass(seconds(1));
  ASSERT_EQ(stage.process(0).take_backs, 1);
  stage.enter(0, 2);  // it had looked before it was told
  stage.now += milliseconds(50);
  stage.core->on_contact(stage.now);
  stage.core->advance(stage.now);
  stage.result(0, 1);
  stage.result(0, 2);
  stage.core->on_skipped(0, 3, stage.now);
  EXPECT_FALSE(stage.process(0).killed);
  EXPECT_EQ(stage.process(0).tasks.back().attempt, 3u) << "it is given anew";
  stage.result(0, 3);
  EXPECT_EQ(attempts_of(stage.report().results), (std::vector<std::uint64_t>{1, 2, 3}));
}

TEST(TakingBack, WhatIsGivenAfterwardsIsNotTakenForIt) {
  Stage stage;
  three_at_once(stage);
  stage.enter(0, 1);
  stage.pass(seconds(1));
  ASSERT_EQ(stage.process(0).take_backs, 1);
  // It comes back at once, before anybody has looked what it had begun.
  stage.result(0, 1);
  stage.core->on_skipped(0, 2, stage.now);
  stage.core->on_skipped(0, 3, stage.now);
  stage.core->advance(stage.now);
  stage.now += milliseconds(50);
  stage.core->advance(stage.now);
  stage.now += milliseconds(50);
  stage.core->advance(stage.now);
  ASSERT_EQ(tasks_of(stage.process(0)).size(), 4u) << "two that it left, and two that were given anew";
  stage.result(0, 2);
  stage.result(0, 3);
  EXPECT_FALSE(stage.process(0).killed);
  EXPECT_THAT(attempts_of(stage.report().results), testing::UnorderedElementsAre(1, 2, 3));
}

TEST(TakingBack, WhereNoProcessHereGetsOnTheOrchestratorGetsItBack) {
  Stage stage;
  three_at_once(stage);
  stage.enter(0, 1, Phase::kLoading);
  stage.pass(seconds(3));
  ReportRequest report = stage.report();
  EXPECT_THAT(attempts_of(report.results), testing::UnorderedElementsAre(2, 3));
  for (const AttemptResult& result : report.results) EXPECT_EQ(result.outcome, Outcome::kReturned);
  EXPECT_EQ(stage.core->want(), 0u) << "or they would come back";
  stage.result(0, 1);
  EXPECT_GT(stage.core->want(), 0u);
}

TEST(Unkillable, AProcessThatTheKernelHoldsDoesNotHoldItsTasks) {
  Stage stage(2);
  stage.ready().lease({1});
  stage.enter(0, 1, Phase::kLoading);
  stage.process(0).look = {4711, 0, "the process waits for a disk or a network volume (state D)"};
  stage.pass(kOverhead + stage.options.dump_grace);
  ASSERT_TRUE(stage.process(0).killed);
  stage.pass(seconds(10) - milliseconds(500));
  EXPECT_TRUE(stage.report().results.empty());
  stage.pass(seconds(1));
  ReportRequest report = stage.report();
  ASSERT_EQ(attempts_of(report.results), std::vector<std::uint64_t>{1});
  EXPECT_EQ(report.results[0].outcome, Outcome::kTimedOut);
  ASSERT_EQ(report.failures.size(), 1u);
  EXPECT_EQ(report.failures[0].pid, 4711u);
  EXPECT_EQ(report.failures[0].error.message,
            "the process was killed and has not ended after 10 s; the process waits for a disk or a network "
            "volume (state D)");
  EXPECT_GT(stage.core->want(), 0u) << "the other process goes on";
  // The job ends without it.
  stage.core->on_directive(Directive::kDrain, stage.now);
  stage.core->on_bye(1, 78, std::nullopt, stage.now);
  stage.exit(1, "ExitStatus");
  stage.pass(seconds(1));
  EXPECT_TRUE(stage.core->finished());
  // It ends after all.
  stage.exit(0, "SIGKILL");
  EXPECT_TRUE(stage.core->finished());
  EXPECT_TRUE(stage.report().results.empty());
}

}  // namespace
}  // namespace parallelrun::agent
