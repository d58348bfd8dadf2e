#include "runner/agent/agent_core.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "fake_workers.h"

namespace parallelrun::agent {
namespace {

using channel::Phase;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

const Duration kDumpGrace = AgentCore::Options().dump_grace;

std::vector<std::uint64_t> attempts(const std::vector<AttemptResult>& results) {
  std::vector<std::uint64_t> out;
  for (const AttemptResult& result : results) out.push_back(result.attempt);
  return out;
}

TEST(RunTimeout, CountsFromTheStampToTheNanosecond) {
  Stage stage;
  stage.ready().lease({1});
  stage.pass(seconds(5));  // waiting and loading are not run()
  stage.enter(0, 1);
  const Time entry = stage.now;
  stage.pass(seconds(9));
  stage.now = entry + seconds(10) - nanoseconds(1);
  stage.core->advance(stage.now);
  EXPECT_EQ(stage.process(0).dumps, 0);
  stage.now = entry + seconds(10);
  stage.core->advance(stage.now);
  EXPECT_EQ(stage.process(0).dumps, 1);
  EXPECT_FALSE(stage.process(0).killed);
  stage.now += kDumpGrace - nanoseconds(1);
  stage.core->advance(stage.now);
  EXPECT_FALSE(stage.process(0).killed);
  stage.now += nanoseconds(1);
  stage.core->advance(stage.now);
  EXPECT_TRUE(stage.process(0).killed);

  stage.exit(0, "SIGKILL");
  const ReportRequest report = stage.report();
  ASSERT_EQ(report.results.size(), 1u);
  EXPECT_EQ(report.results[0].outcome, Outcome::kTimedOut);
  EXPECT_EQ(report.results[0].error.traceback, "its last words");
  EXPECT_EQ(report.results[0].run_us, (seconds(10) + kDumpGrace) / std::chrono::microseconds(1));
  EXPECT_TRUE(stage.process(0).alive) << "the next process starts at once";
}

TEST(RunTimeout, MovesByTheTimeInWhichTheAgentStoodStill) {
  Stage stage;
  stage.ready().lease({1});
  stage.enter(0, 1);
  stage.pass(seconds(3));
  stage.now += seconds(15);  // nobody looked at the clock
  stage.core->on_contact(stage.now);
  stage.core->advance(stage.now);
  EXPECT_EQ(stage.process(0).dumps, 0);
  stage.pass(seconds(7) - nanoseconds(1));
  EXPECT_EQ(stage.process(0).dumps, 0);
  stage.pass(nanoseconds(1));
  EXPECT_EQ(stage.process(0).dumps, 1);
}

TEST(RunTimeout, AResultInTheGraceCountsOnlyIfItWasInTime) {
  for (const bool in_time : {true, false}) {
    Stage stage;
    stage.ready().lease({1});
    stage.enter(0, 1);
    stage.pass(seconds(10));
    ASSERT_EQ(stage.process(0).dumps, 1);
    stage.result(0, 1, in_time ? seconds(10) - milliseconds(1) : seconds(10));
    stage.pass(seconds(1));
    stage.exit(0, "SIGKILL");
    const ReportRequest report = stage.report();
    ASSERT_EQ(report.results.size(), 1u);
    EXPECT_EQ(report.results[0].outcome, in_time ? Outcome::kSucceeded : Outcome::kTimedOut);
  }
}

// What the stamp page says when the process dies decides which of its tasks pays.
TEST(Death, CostsTheTaskThatWasBeingWorkedOn) {
  struct Case {
    Phase phase;
    std::uint64_t task;
    std::vector<std::uint64_t> charged;
    ErrorPhase error;
  };
  const std::vector<Case> cases = {
      {Phase::kInRun, 2, {2}, ErrorPhase::kRun},        {Phase::kLoading, 2, {2}, ErrorPhase::kRead},
      {Phase::kFinishing, 3, {3}, ErrorPhase::kResult}, {Phase::kInRun, 1, {1}, ErrorPhase::kRun},
      {Phase::kIdle, 2, {}, ErrorPhase::kNone},    // its result did not leave the process: it is run again
      {Phase::kInRun, 99, {}, ErrorPhase::kNone},  // a stamp that means nothing charges nobody
  };
  for (const Case& c : cases) {
    Stage stage;
    stage.ready();
    stage.lease({90, 91});
    stage.result(0, 90);
    stage.result(0, 91);
    stage.report();
    stage.lease({1, 2, 3});
    ASSERT_EQ(stage.process(0).tasks.size(), 3u);
    stage.enter(0, c.task, c.phase);
    stage.exit(0);
    const ReportRequest report = stage.report();
    EXPECT_EQ(attempts(report.results), c.charged);
    for (const AttemptResult& result : report.results) {
      EXPECT_EQ(result.outcome, Outcome::kDied);
      EXPECT_EQ(result.error.type, "SIGSEGV");
      EXPECT_EQ(result.error.phase, c.error);
    }
    stage.core->on_ready(0, stage.now);
    std::vector<std::uint64_t> again;
    for (const Lease& lease : stage.process(0).tasks) again.push_back(lease.attempt);
    std::vector<std::uint64_t> rest = {1, 2, 3};
    for (const std::uint64_t attempt : c.charged) std::erase(rest, attempt);
    EXPECT_EQ(again, rest) << "free of charge, and in order";
  }
}

TEST(Death, OfATaskThatBrokeTheChannelCostsThatTask) {
  for (const bool held_up : {false, true}) {
    Stage stage;
    stage.ready().lease({90});
    stage.result(0, 90);
    stage.report();
    stage.lease({1, 2, 3});
    ASSERT_EQ(stage.process(0).tasks.size(), 3u);
    stage.enter(0, 2, Phase::kCut);  // the result of 1 was held and is lost
    stage.core->advance(stage.now);
    EXPECT_FALSE(stage.process(0).killed) << "it ends by itself";
    if (held_up) {
      stage.pass(AgentCore::Options().exit_grace);
      EXPECT_TRUE(stage.process(0).killed);
    }
    stage.exit(0, held_up ? "SIGKILL" : "ExitStatus");
    const ReportRequest report = stage.report();
    ASSERT_EQ(attempts(report.results), std::vector<std::uint64_t>{2});
    EXPECT_EQ(report.results[0].outcome, Outcome::kDied);
    EXPECT_EQ(report.results[0].error.type, "ChannelClosed");
    EXPECT_NE(report.results[0].error.message.find("file descriptor 3"), std::string::npos);
  }
}

TEST(Death, AgainAndAgainBetweenTasksCostsTheOneThatWasRunLast) {
  Stage stage;
  stage.ready().lease({90});
  stage.result(0, 90);
  stage.report();
  stage.lease({1, 2, 3});
  // The first death of the three still follows a result of its process.
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(stage.report().results.empty());
    ASSERT_EQ(stage.process(0).tasks.size(), 3u);
    stage.enter(0, 1);
    stage.enter(0, 2);
    stage.enter(0, 2, Phase::kIdle);
    stage.exit(0);
    stage.pass(seconds(10));
    stage.core->on_ready(0, stage.now);
  }
  EXPECT_EQ(attempts(stage.report().results), std::vector<std::uint64_t>{2});
}

TEST(Death, WithAStampThatMeansNothingIsNotFreeForEver) {
  Stage stage;
  stage.ready().lease({1});
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(stage.report().results.empty());
    stage.enter(0, 99);
    stage.exit(0);
    stage.pass(seconds(10));
    stage.core->on_ready(0, stage.now);
  }
  EXPECT_EQ(attempts(stage.report().results), std::vector<std::uint64_t>{1});
}

TEST(Death, AgainAndAgainBetweenTasksCostsTheNextTaskInTheEnd) {
  Stage stage;
  stage.ready().lease({1});
  for (int i = 0; i < 2; ++i) {
    stage.exit(0);
    EXPECT_TRUE(stage.report().results.empty());
    stage.pass(seconds(10));
    stage.core->on_ready(0, stage.now);
  }
  stage.exit(0);
  EXPECT_EQ(attempts(stage.report().results), std::vector<std::uint64_t>{1});
}

TEST(Init, ThreeFailuresWithoutASuccessGiveTheSlotUp) {
  Stage stage(2);
  stage.core->on_session(seconds(20), stage.now);
  stage.core->on_environment_ready(stage.now);
  stage.core->on_ready(1, stage.now);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(stage.core->slots_given_up(), 0u);
    ASSERT_TRUE(stage.process(0).alive);
    stage.core->on_init_failed(0, 5, {ErrorPhase::kInit, "ValueError", "no", ""}, stage.now);
    stage.exit(0, "ExitStatus");
    stage.pass(seconds(10));
  }
  EXPECT_EQ(stage.core->slots_given_up(), 1u);
  EXPECT_FALSE(stage.process(0).alive);
  const ReportRequest report = stage.report();
  ASSERT_EQ(report.failures.size(), 3u);
  EXPECT_FALSE(report.failures[0].fatal);
  EXPECT_EQ(stage.core->want(), 1u) << "the other slot goes on";
}

TEST(Init, OneSuccessKeepsTheSlotForGood) {
  Stage stage;
  stage.ready();
  for (int i = 0; i < 6; ++i) {
    stage.exit(0);  // between tasks
    stage.pass(seconds(11));
    ASSERT_TRUE(stage.process(0).alive);
    stage.core->on_init_failed(0, 5, {ErrorPhase::kInit, "ValueError", "no", ""}, stage.now);
  }
  EXPECT_EQ(stage.core->slots_given_up(), 0u);
}

TEST(Init, TimeoutIsMeasuredFromTheStart) {
  Stage stage;
  stage.core->on_session(seconds(20), stage.now);
  stage.core->on_environment_ready(stage.now);
  stage.pass(seconds(30) - nanoseconds(1));
  EXPECT_EQ(stage.process(0).dumps, 0);
  stage.pass(nanoseconds(1));
  EXPECT_EQ(stage.process(0).dumps, 1);
  stage.pass(kDumpGrace);
  ASSERT_TRUE(stage.process(0).killed);
  stage.exit(0, "SIGKILL");
  const ReportRequest report = stage.report();
  ASSERT_EQ(report.failures.size(), 1u);
  EXPECT_THAT(report.failures[0].error.message, testing::HasSubstr("initTimeout"));
}

// Its message is told once, whatever its end was to be: in the grace for the stack, and after SIGKILL.
TEST(Init, LastWordsAfterTheTimeIsUpAreAllThatIsTold) {
  for (const bool killed : {false, true}) {
    Stage stage;
    stage.core->on_session(seconds(20), stage.now);
    stage.core->on_environment_ready(stage.now);
    stage.pass(seconds(30) + (killed ? kDumpGrace : Duration::zero()));
    ASSERT_EQ(stage.process(0).dumps, 1);
    ASSERT_EQ(stage.process(0).killed, killed);
    stage.core->on_init_failed(0, 5, {ErrorPhase::kInit, "ValueError", "no", ""}, stage.now);
    stage.core->on_init_failed(0, 5, {ErrorPhase::kInit, "ValueError", "again", ""}, stage.now);
    stage.pass(kDumpGrace);
    EXPECT_TRUE(stage.process(0).killed) << "the earlier moment stays";
    stage.exit(0, "SIGKILL");
    const ReportRequest report = stage.report();
    ASSERT_EQ(report.failures.size(), 1u);
    EXPECT_EQ(report.failures[0].error.message, "no");
    stage.pass(seconds(1));
    EXPECT_TRUE(stage.process(0).alive) << "the next process starts";
  }
}

TEST(Init, WhatHadNotReturnedIsNamed) {
  struct Case {
    Phase phase;
    ErrorPhase where;
    std::string timeout, death;
  };
  const std::vector<Case> cases = {
      {Phase::kIdle, ErrorPhase::kInit, "the process did not begin to import the entry script after 30 s",
       "SIGSEGV before init() returned"},
      {Phase::kLoading, ErrorPhase::kLoad, "the import of the entry script did not end after 30 s",
       "SIGSEGV while it imported the entry script"},
      {Phase::kInit, ErrorPhase::kInit, "init() did not return after 30 s", "SIGSEGV before init() returned"},
  };
  for (const Case& c : cases) {
    Stage stage;
    stage.core->on_session(seconds(20), stage.now);
    stage.core->on_environment_ready(stage.now);
    stage.enter(0, 0, c.phase);
    stage.pass(seconds(30) + kDumpGrace);
    ASSERT_TRUE(stage.process(0).killed);
    stage.exit(0, "SIGKILL");
    stage.pass(seconds(1));
    stage.enter(0, 0, c.phase);
    stage.exit(0);
    const ReportRequest report = stage.report();
    ASSERT_EQ(report.failures.size(), 2u);
    for (const ProcessFailure& failure : report.failures) {
      EXPECT_EQ(failure.error.phase, c.where);
      EXPECT_FALSE(failure.fatal) << "the next process may get on";
    }
    EXPECT_EQ(report.failures[0].error.type, "TimeoutExpired");
    EXPECT_EQ(report.failures[0].error.message, c.timeout + " (initTimeout); the process was killed");
    EXPECT_NE(report.failures[1].error.message.find(c.death), std::string::npos);
  }
}

TEST(Init, AScriptThatDoesNotLoadIsFatal) {
  Stage stage;
  stage.core->on_session(seconds(20), stage.now);
  stage.core->on_environment_ready(stage.now);
  stage.core->on_init_failed(0, 5, {ErrorPhase::kLoad, "SyntaxError", "no", ""}, stage.now);
  ASSERT_TRUE(stage.report().failures.at(0).fatal);
}

TEST(Contact, RunningTriesEndBeforeTheSessionDoes) {
  Stage stage(2);
  stage.ready().lease({1, 2});
  stage.enter(0, 1);
  const Time last = stage.now;
  stage.options.run_timeout = seconds(100);
  for (stage.now = last; stage.now < last + seconds(9); stage.now += milliseconds(500))
    stage.core->advance(stage.now);
  EXPECT_FALSE(stage.process(0).killed);
  stage.result(0, 1);
  stage.lease({3});
  stage.enter(0, 3);
  while (stage.now < last + seconds(15)) {
    stage.core->advance(stage.now);
    EXPECT_FALSE(stage.process(0).killed);
    stage.now += milliseconds(500);
  }
  stage.core->advance(stage.now);
  EXPECT_TRUE(stage.process(0).killed);
  EXPECT_TRUE(stage.process(1).killed);
  EXPECT_EQ(stage.core->want(), 0u);
  stage.exit(0, "SIGKILL");
  stage.exit(1, "SIGKILL");
  for (const AttemptResult& result : stage.report().results) {
    EXPECT_EQ(result.outcome, result.attempt == 1 ? Outcome::kSucceeded : Outcome::kReturned);
  }
  stage.core->on_contact(stage.now);
  stage.core->on_ready(0, stage.now);
  EXPECT_GT(stage.core->want(), 0u);
}

TEST(Drain, FinishesThenShutsDown) {
  Stage stage;
  stage.ready().lease({1});
  stage.enter(0, 1);
  stage.core->on_directive(Directive::kDrain, stage.now);
  EXPECT_FALSE(stage.process(0).shutting_down);
  stage.result(0, 1);
  EXPECT_TRUE(stage.process(0).shutting_down);
  EXPECT_FALSE(stage.core->finished());
  stage.core->on_bye(0, 77, std::nullopt, stage.now);
  stage.exit(0, "ExitStatus");
  EXPECT_TRUE(stage.core->finished());
  EXPECT_EQ(stage.workers.starts, 1);
  EXPECT_TRUE(stage.report().failures.empty());
}

TEST(Drain, AShutdownThatHangsIsKilledAndReported) {
  Stage stage;
  stage.ready();
  stage.core->on_directive(Directive::kDrain, stage.now);
  stage.pass(seconds(30) + kDumpGrace);
  ASSERT_TRUE(stage.process(0).killed);
  stage.exit(0, "SIGKILL");
  EXPECT_TRUE(stage.core->finished());
  EXPECT_EQ(stage.report().failures.at(0).error.phase, ErrorPhase::kShutdown);
}

TEST(Abort, KillsAndHandsBack) {
  Stage stage(2);
  stage.ready().lease({1, 2, 3});
  stage.enter(0, 1);
  stage.core->on_directive(Directive::kAbort, stage.now);
  EXPECT_TRUE(stage.process(0).killed);
  stage.exit(0, "SIGKILL");
  stage.exit(1, "SIGKILL");
  EXPECT_TRUE(stage.core->finished());
  const ReportRequest report = stage.report();
  EXPECT_THAT(attempts(report.results), testing::UnorderedElementsAre(1, 2, 3));
  for (const AttemptResult& result : report.results) EXPECT_EQ(result.outcome, Outcome::kReturned);
}

TEST(Drain, ALateFrameDoesNotShortenTheTimeToEnd) {
  Stage stage;
  stage.ready();
  stage.core->on_directive(Directive::kDrain, stage.now);
  ASSERT_TRUE(stage.process(0).shutting_down);
  stage.core->on_bye(0, 77, std::nullopt, stage.now);
  stage.core->on_nonsense(0, "a frame of the unknown type 99", stage.now);
  EXPECT_FALSE(stage.process(0).killed) << "it has said its last word, and ends by itself";
  stage.pass(AgentCore::Options().exit_grace);
  EXPECT_TRUE(stage.process(0).killed);
}

TEST(Stop, GivesRunningTriesTheGrace) {
  Stage stage(2);
  stage.ready().lease({1, 2, 3});
  stage.enter(0, 1);
  stage.enter(1, 2);
  stage.core->stop(seconds(2), stage.now);
  EXPECT_EQ(attempts(stage.report().results), std::vector<std::uint64_t>{3});
  stage.result(0, 1);
  EXPECT_TRUE(stage.process(0).shutting_down);
  stage.core->on_bye(0, 77, std::nullopt, stage.now);
  stage.exit(0, "ExitStatus");
  stage.pass(seconds(2) - nanoseconds(1));
  EXPECT_FALSE(stage.process(1).killed);
  stage.pass(nanoseconds(1));
  EXPECT_TRUE(stage.process(1).killed);
  stage.exit(1, "SIGKILL");
  EXPECT_TRUE(stage.core->finished());
  const ReportRequest report = stage.report();
  ASSERT_EQ(attempts(report.results), (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(report.results[1].outcome, Outcome::kReturned);
}

TEST(Revoked, AreDroppedOrKilled) {
  Stage stage;
  stage.ready().lease({1, 2});
  stage.enter(0, 1);
  LeaseReply reply;
  reply.revoked = {1, 2};
  stage.core->on_lease_reply(std::move(reply), stage.now);
  EXPECT_TRUE(stage.process(0).killed);
  stage.exit(0, "SIGKILL");
  EXPECT_TRUE(stage.report().results.empty());
  EXPECT_EQ(stage.core->leases_in_hand(), 0u);
}

TEST(Memory, AFullOutboxStopsHandingOut) {
  Outbox::Limits limits;
  limits.full_results = 1;
  Stage stage(1, limits);
  stage.ready().lease({1, 2});
  stage.result(0, 1, seconds(2));
  EXPECT_TRUE(stage.process(0).tasks.empty());
  EXPECT_EQ(stage.core->want(), 0u);
  stage.report();
  stage.core->advance(stage.now);
  EXPECT_EQ(stage.process(0).tasks.size(), 1u);
}

TEST(Session, AnEndedOneCarriesItsResultsOver) {
  Outbox outbox;
  for (std::uint64_t attempt : {1, 2, 3}) {
    AttemptResult result;
    result.attempt = attempt;
    outbox.add(result);
  }
  ReportRequest first;
  outbox.fill(first);
  AttemptResult later;
  later.attempt = 4;
  outbox.add(later);
  outbox.put_back(first);
  ReportRequest second;
  outbox.fill(second);
  EXPECT_EQ(attempts(second.results), (std::vector<std::uint64_t>{1, 2, 3, 4}));
  outbox.acknowledged(second);
  EXPECT_EQ(outbox.unacknowledged_results(), 0u);
  EXPECT_FALSE(outbox.full());
}

TEST(Session, AnEndedOneCarriesTheFailuresOfProcessesOver) {
  Outbox outbox;
  outbox.add(ProcessFailure{"process000", 1, {}});
  ReportRequest first;
  outbox.fill(first);
  ASSERT_EQ(first.failures.size(), 1u);
  EXPECT_TRUE(outbox.nothing_waits());
  outbox.add(ProcessFailure{"process001", 2, {}});
  outbox.put_back(first);
  ReportRequest second;
  outbox.fill(second);
  ASSERT_EQ(second.failures.size(), 2u);
  EXPECT_EQ(second.failures[0].process, "process000");
}

TEST(Memory, WhatIsAcknowledgedCountsNoMore) {
  Outbox::Limits limits;
  limits.full_bytes = 3000;
  Outbox outbox(limits);
  for (std::uint64_t attempt = 1; attempt <= 3; ++attempt) {
    AttemptResult result;
    result.attempt = attempt;
    result.rows.assign(3000, 'r');
    outbox.add(std::move(result));
    EXPECT_TRUE(outbox.full());
    ReportRequest report;
    outbox.fill(report);
    EXPECT_TRUE(outbox.full()) << "in flight";
    outbox.acknowledged(report);
    EXPECT_FALSE(outbox.full()) << attempt;
  }
}

TEST(Appetite, FitsTheLengthOfMiniBatches) {
  struct Case {
    milliseconds each;
    std::size_t window_most;
    std::size_t hand_least;
    std::size_t hand_most;
  };
  for (const Case& c : std::vector<Case>{{milliseconds(0), 1024, 8192, 8192},
                                         {milliseconds(1), 26, 101, 101},
                                         {milliseconds(100), 1, 2, 2},
                                         {milliseconds(999), 1, 2, 2},
                                         {milliseconds(1000), 1, 1, 1},
                                         {milliseconds(60'000), 1, 1, 1}}) {
    Appetite appetite;
    EXPECT_EQ(appetite.in_hand(), 1u) << "nothing is known yet";
    appetite.on_duration(c.each);
    EXPECT_LE(appetite.in_hand(), 2u) << "one quick mini-batch proves little";
    for (int i = 0; i < 10; ++i) appetite.on_leases();
    EXPECT_LE(appetite.window(), c.window_most) << c.each.count();
    EXPECT_GE(appetite.in_hand(), c.hand_least) << c.each.count();
    EXPECT_LE(appetite.in_hand(), c.hand_most) << c.each.count();
  }
}

TEST(Surplus, IsHandedBackWhenMiniBatchesTurnOutSlow) {
  Stage stage;
  stage.ready();
  std::uint64_t next = 1;
  for (int i = 0; i < 8; ++i) {
    std::vector<std::uint64_t> group;
    for (std::uint32_t n = stage.core->want(); n > 0; --n) group.push_back(next++);
    stage.lease(group);
    while (!stage.process(0).tasks.empty())
      stage.result(0, stage.process(0).tasks.front().attempt, milliseconds(1));
  }
  std::vector<std::uint64_t> group;
  for (std::uint32_t n = stage.core->want(); n > 0; --n) group.push_back(next++);
  stage.lease(group);
  ASSERT_GT(stage.core->leases_in_hand(), 50u);
  stage.report();
  stage.result(0, stage.process(0).tasks.front().attempt, seconds(30));
  stage.pass(milliseconds(500));
  for (int i = 0; i < 10; ++i) stage.result(0, stage.process(0).tasks.front().attempt, seconds(30));
  EXPECT_EQ(stage.report().results.size(), 11u) << "not for one that was held up";
  stage.pass(seconds(1));
  const ReportRequest report = stage.report();
  EXPECT_GT(std::count_if(report.results.begin(), report.results.end(),
                          [](const AttemptResult& result) { return result.outcome == Outcome::kReturned; }),
            20);
}

// A lease of a last try.
void lease_fresh(Stage& stage, std::uint64_t attempt) {
  LeaseReply reply;
  Lease lease;
  lease.attempt = attempt;
  lease.work = {attempt};
  lease.items = 10;
  lease.fresh_process = true;
  reply.leases.push_back(lease);
  stage.core->on_lease_reply(std::move(reply), stage.now);
}

// The process that is told to shut down does so, and the next one is ready.
void replace(Stage& stage, SlotIndex slot) {
  ASSERT_TRUE(stage.process(slot).shutting_down);
  ASSERT_FALSE(stage.process(slot).killed);
  stage.core->on_bye(slot, 1, std::nullopt, stage.now);
  stage.exit(slot, "ExitStatus");
  stage.core->advance(stage.now);
  ASSERT_TRUE(stage.process(slot).alive && !stage.process(slot).shutting_down);
  stage.core->on_ready(slot, stage.now);
}

TEST(FreshProcess, IsStartedForALastTryWhereAllHaveAPast) {
  Stage stage(2);
  stage.ready().lease({1, 2, 3});
  for (const std::uint64_t attempt : {1, 3}) stage.result(0, attempt);
  ASSERT_EQ(stage.process(0).tasks.size(), 0u);
  lease_fresh(stage, 9);
  EXPECT_FALSE(stage.process(1).shutting_down) << "the one that has no task is taken";
  EXPECT_TRUE(stage.process(0).tasks.empty());
  stage.lease({4});
  EXPECT_EQ(stage.process(1).tasks.size(), 2u) << "others go on meanwhile, elsewhere";
  replace(stage, 0);
  ASSERT_EQ(stage.process(0).tasks.size(), 1u);
  EXPECT_EQ(stage.process(0).tasks.front().attempt, 9u);
  EXPECT_EQ(stage.report().results.size(), 2u) << "nobody pays for the replacement";
}

TEST(FreshProcess, IsAnyThatHasRunNothingYet) {
  Stage stage;
  stage.ready();
  lease_fresh(stage, 9);
  ASSERT_EQ(stage.process(0).tasks.size(), 1u);
  EXPECT_FALSE(stage.process(0).shutting_down);
}

TEST(FreshProcess, OfALeaseThatIsHandedBackIsNotStarted) {
  Stage stage;
  stage.ready().lease({1});
  lease_fresh(stage, 9);
  EXPECT_EQ(stage.core->leases_in_hand(), 2u);
  stage.core->stop(seconds(2), stage.now);
  const ReportRequest report = stage.report();
  EXPECT_EQ(attempts(report.results), std::vector<std::uint64_t>{9});
  EXPECT_EQ(report.results.at(0).outcome, Outcome::kReturned);
}

TEST(WornProcess, IsReplacedAfterSoManyMiniBatchesAndNobodyPays) {
  Stage stage;
  stage.options.max_mini_batches_per_process = 3;
  stage.core.emplace(stage.options, stage.workers, stage.outbox, stage.observer);
  stage.ready().lease({1, 2, 3, 4, 5});
  for (std::uint64_t attempt = 1; attempt <= 3; ++attempt) {
    EXPECT_FALSE(stage.process(0).shutting_down);
    ASSERT_FALSE(stage.process(0).tasks.empty());
    stage.result(0, stage.process(0).tasks.front().attempt);
  }
  EXPECT_EQ(stage.workers.starts, 1);
  replace(stage, 0);
  EXPECT_EQ(stage.workers.starts, 2);
  while (!stage.process(0).tasks.empty()) stage.result(0, stage.process(0).tasks.front().attempt);
  const ReportRequest report = stage.report();
  EXPECT_EQ(report.results.size(), 5u);
  for (const AttemptResult& result : report.results) EXPECT_EQ(result.outcome, Outcome::kSucceeded);
  EXPECT_TRUE(report.failures.empty());
  EXPECT_EQ(stage.workers.violations, 0);
}

TEST(WornProcess, IsReplacedAfterAFailureAndNothingWaitsInIt) {
  Stage stage;
  stage.options.restart_after_failure = true;
  stage.core.emplace(stage.options, stage.workers, stage.outbox, stage.observer);
  stage.ready().lease({1, 2, 3});
  ASSERT_EQ(stage.process(0).tasks.size(), 1u) << "nothing that a spoilt process would run";
  stage.result(0, 1);
  ASSERT_EQ(stage.process(0).tasks.size(), 1u);
  AttemptResult failed;
  failed.attempt = 2;
  failed.outcome = Outcome::kFailed;
  failed.error = {ErrorPhase::kRun, "RuntimeError", "device-side assert", ""};
  stage.process(0).tasks.clear();
  stage.process(0).stamp.phase = 0;
  stage.core->on_result(0, std::move(failed), stage.now);
  stage.core->advance(stage.now);
  EXPECT_TRUE(stage.process(0).tasks.empty());
  replace(stage, 0);
  ASSERT_EQ(stage.process(0).tasks.size(), 1u);
  EXPECT_EQ(stage.process(0).tasks.front().attempt, 3u);
}

TEST(WornProcess, WhoseShutdownHangsIsKilledAndTheNextOneWorks) {
  Stage stage;
  stage.options.max_mini_batches_per_process = 1;
  stage.core.emplace(stage.options, stage.workers, stage.outbox, stage.observer);
  stage.ready().lease({1, 2});
  stage.result(0, 1);
  ASSERT_TRUE(stage.process(0).shutting_down);
  stage.pass(stage.options.init_timeout + kDumpGrace);
  ASSERT_TRUE(stage.process(0).killed);
  stage.exit(0, "SIGKILL");
  ASSERT_TRUE(stage.process(0).alive);
  stage.core->on_ready(0, stage.now);
  EXPECT_EQ(stage.process(0).tasks.size(), 1u);
}

TEST(Inside, IsToldOfWhatIsInsideRunAndNewsOnce) {
  Stage stage(2);
  stage.ready().lease({1, 2});
  EXPECT_FALSE(stage.core->inside_is_news());
  stage.enter(0, 1, Phase::kLoading);
  EXPECT_FALSE(stage.core->inside_is_news());
  stage.enter(0, 1);
  EXPECT_TRUE(stage.core->inside_is_news());
  EXPECT_EQ(stage.core->tell_inside(), std::vector<std::uint64_t>{1});
  EXPECT_FALSE(stage.core->inside_is_news());
  stage.enter(1, 2);
  EXPECT_TRUE(stage.core->inside_is_news());
  stage.result(0, 1);
  EXPECT_EQ(stage.core->tell_inside(), std::vector<std::uint64_t>{2});
}

}  // namespace
}  // namespace parallelrun::agent
