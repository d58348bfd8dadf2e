// The core at its boundaries: sequence numbers, deadlines to the nanosecond, tries, thresholds, ends.
#include "runner/orchestrator/orchestrator.h"

#include <gtest/gtest.h>

#include "orchestrator_stage.h"
#include "runner/orchestrator/lease_seal.h"

namespace parallelrun::orchestrator {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

TEST_F(OrchestratorTest, SameSequenceSameAnswerAndNoSecondLease) {
  plan(5);
  const auto agent = join("agent000");
  const auto first = lease(agent, 1);
  ASSERT_TRUE(first);
  EXPECT_EQ(lease(agent, 1), first) << "the very same reply";
  const auto second = lease(agent, 2);
  EXPECT_NE(second->leases[0].attempt, first->leases[0].attempt);
  const auto late = core().on_lease({agent, 1, 1}, now);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kInvalidArgument);
}

TEST_F(OrchestratorTest, AReportThatIsSentAgainIsTakenOnce) {
  plan(2);
  const auto agent = join("agent000");
  const Lease got = lease(agent, 1)->leases[0];
  EXPECT_FALSE(report(agent, 1, {result_of(got, Outcome::kSucceeded)})->has_value())
      << "answered when durable";
  EXPECT_FALSE(report(agent, 1, {result_of(got, Outcome::kSucceeded)})->has_value());
  EXPECT_TRUE(core().take_ready().reports.empty());
  EXPECT_EQ(core().progress().counts.succeeded, 0U) << "not durable yet";
  const auto group = commit();
  EXPECT_EQ(group->entries.size(), 1U);
  EXPECT_EQ(core().take_ready().reports.size(), 1U);
  EXPECT_EQ(core().progress().counts.succeeded, 1U);
  EXPECT_TRUE(report(agent, 1, {result_of(got, Outcome::kSucceeded)})->has_value());
  EXPECT_FALSE(commit());
}

// Its answer was lost: logs and failures of processes count once, and who has left is told so again.
TEST_F(OrchestratorTest, AnAnsweredReportThatIsSentAgainBringsNothingTwice) {
  struct Counting final : JobObserver {
    int logs = 0;
    int failures = 0;
    void on_logs(const AgentView&, std::vector<LogChunk>&&) override { ++logs; }
    void on_process_failure(const AgentView&, const ProcessFailure&) override { ++failures; }
  } counting;
  Orchestrator fresh(options, std::move(recovered), planning(), counting, now);
  const auto agent = fresh.on_register({kProtocolVersion, "agent000", "127.0.0.1", 1, ""}, "", now)->session;
  for (const bool leaving : {false, true}) {
    ReportRequest request;
    request.session = agent;
    request.sequence = leaving ? 2 : 1;
    request.leaving = leaving;
    request.logs.emplace_back();
    request.failures.push_back({"process000", 1, {ErrorPhase::kInit, "ValueError", "bad", ""}, false});
    for (int sent = 0; sent < 3; ++sent) {
      const auto answer = fresh.on_report(ReportRequest(request), now);
      ASSERT_TRUE(answer) << answer.error().message;
      EXPECT_TRUE(answer->has_value());
    }
    EXPECT_EQ(counting.logs, leaving ? 2 : 1);
    EXPECT_EQ(counting.failures, leaving ? 2 : 1);
  }
}

TEST_F(OrchestratorTest, ASessionEndsAtItsTimeoutAndNotANanosecondBefore) {
  plan(1);
  const auto silent = join("agent000");
  const Lease first = lease(silent, 1)->leases[0];
  pass(options.session_timeout - nanoseconds(1));
  EXPECT_EQ(core().progress().leased, 1U);
  now += nanoseconds(1);
  core().tick(now);
  EXPECT_EQ(core().progress().leased, 0U);
  EXPECT_EQ(core().on_lease({silent, 2, 1}, now).error().code, ErrorCode::kConflict);
  const auto other = join("agent001");
  const Lease again = lease(other, 1)->leases[0];
  EXPECT_EQ(again.work, first.work);
  EXPECT_EQ(again.try_number, 1U) << "the loss of an agent costs no try";
  EXPECT_NE(again.attempt, first.attempt);
}

TEST_F(OrchestratorTest, OurOwnStandingStillEndsNoSession) {
  plan(1);
  const auto agent = join("agent000");
  lease(agent, 1);
  now += seconds(3600);
  core().tick(now);
  EXPECT_EQ(core().progress().leased, 1U);
  pass(options.session_timeout);
  EXPECT_EQ(core().progress().leased, 0U);
}

TEST_F(OrchestratorTest, ALeaseRequestIsParkedUntilWorkComesOrItsPollIsOver) {
  const auto agent = join("agent000");
  EXPECT_FALSE(lease(agent, 1));
  EXPECT_TRUE(core().take_ready().leases.empty());
  plan(1, false);
  auto ready = core().take_ready();
  ASSERT_EQ(ready.leases.size(), 1U);
  EXPECT_EQ((*ready.leases[0].second)->leases.size(), 1U);

  EXPECT_FALSE(lease(agent, 2));
  const Time parked = now;
  while (now + Orchestrator::kTick < parked + options.lease_poll) {
    pass(Orchestrator::kTick);
    bring(agent, 1 + static_cast<std::uint64_t>((now - parked) / Orchestrator::kTick), {});
  }
  now = parked + options.lease_poll - nanoseconds(1);
  core().tick(now);
  EXPECT_TRUE(core().take_ready().leases.empty());
  now += nanoseconds(1);
  core().tick(now);
  ready = core().take_ready();
  ASSERT_EQ(ready.leases.size(), 1U);
  EXPECT_TRUE((*ready.leases[0].second)->leases.empty());
}

TEST_F(OrchestratorTest, FailedTriesAreChargedAndReturnedOnesAreFree) {
  options.run_max_try = 2;
  plan(2);
  const auto agent = join("agent000");
  Lease got = lease(agent, 1)->leases[0];
  bring(agent, 1, {result_of(got, Outcome::kReturned)});
  got = lease(agent, 2)->leases[0];
  EXPECT_EQ(got.try_number, 1U);
  bring(agent, 2, {result_of(got, Outcome::kDied)});
  EXPECT_EQ(commit()->entries[0].kind, CommitEntry::Kind::kTryFailed);
  got = lease(agent, 3)->leases[0];
  EXPECT_EQ(got.work.mini_batch.value, 0U) << "retries first";
  EXPECT_EQ(got.try_number, 2U);
  bring(agent, 3, {result_of(got, Outcome::kTimedOut)});
  const auto group = commit();
  EXPECT_EQ(group->entries[0].kind, CommitEntry::Kind::kFailed);
  EXPECT_NE(group->failed_items.find("\"tries\":2"), std::string::npos) << group->failed_items;
  EXPECT_EQ(core().progress().counts.items_failed, 2U);
  EXPECT_EQ(core().progress().counts.tries_failed, 2U);
}

TEST_F(OrchestratorTest, ARetryRatherGoesToAnotherAgent) {
  plan(1);
  const auto one = join("agent000");
  const Lease got = lease(one, 1)->leases[0];
  source.list.push_back({{1}, 0, 2, "d"});
  core().on_plan(2, 4, true, now);
  const auto two = join("agent001");
  const Lease other = lease(two, 1)->leases[0];
  bring(one, 1, {result_of(got, Outcome::kFailed)});
  bring(two, 1, {result_of(other, Outcome::kFailed)});
  EXPECT_EQ(lease(one, 2)->leases[0].work, other.work);
  EXPECT_EQ(lease(two, 2)->leases[0].work, got.work);
}

TEST_F(OrchestratorTest, ALateSuccessIsCommittedAndTheOtherTryRevoked) {
  plan(1);
  const auto lost = join("agent000");
  const Lease first = lease(lost, 1)->leases[0];
  const auto again = join("agent000");  // the same agent after a crash
  const auto other = join("agent001");
  const Lease second = lease(other, 1)->leases[0];
  EXPECT_FALSE(lease(other, 2));
  bring(again, 1, {result_of(first, Outcome::kFailed)});
  EXPECT_FALSE(commit()) << "a late failure is nothing";
  bring(again, 2, {result_of(first, Outcome::kSucceeded)});
  const auto ready = core().take_ready();
  ASSERT_EQ(ready.leases.size(), 1U);
  EXPECT_EQ((*ready.leases[0].second)->revoked, std::vector<std::uint64_t>{second.attempt});
  bring(other, 1, {result_of(second, Outcome::kSucceeded)});
  EXPECT_EQ(commit()->entries.size(), 1U);
  EXPECT_EQ(core().progress().counts.succeeded, 1U);
}

TEST_F(OrchestratorTest, AResultOfAnEarlierEpochIsGoodForWhatWasNotPlannedAnew) {
  recovered.epoch = 3;
  recovered.epochs = {{1, 0}, {2, 5}, {3, 8}};
  plan(10);
  const auto agent = join("agent000");
  const auto result = [this](std::uint64_t epoch, std::uint64_t id) {
    Lease lease;
    lease.attempt = (epoch << 32U) | 7;
    lease.work = {id};
    lease.seal = seal_of(options.seal_key, "agent000", lease.kind, lease.attempt, lease.work);
    lease.items = 2;
    return result_of(lease, Outcome::kSucceeded);
  };
  bring(agent, 1, {result(1, 4), result(1, 5), result(2, 7), result(2, 8), result(3, 9), result(4, 9)});
  const auto group = commit();
  ASSERT_EQ(group->entries.size(), 2U);
  EXPECT_EQ(group->entries[0].work.mini_batch.value, 4U);
  EXPECT_EQ(group->entries[1].work.mini_batch.value, 7U);
}

TEST_F(OrchestratorTest, AResultCountsOnlyFromTheAgentThatTheLeaseWasGivenTo) {
  struct Refused final : JobObserver {
    void on_refused_results(const AgentView& agent, std::uint64_t results) override {
      EXPECT_EQ(agent.name, "agent001");
      count += results;
    }
    std::uint64_t count = 0;
  } refused;
  plan(2);
  Orchestrator orchestrator(options, std::move(recovered), planning(), refused, now);
  orchestrator.on_plan(2, 4, true, now);
  const auto session_of = [&](const char* name) {
    return orchestrator.on_register({kProtocolVersion, name, "127.0.0.1", 1, ""}, now)->session;
  };
  const auto owner = session_of("agent000");
  const auto other = session_of("agent001");
  const Lease lease = (*orchestrator.on_lease({owner, 1, 1}, now))->leases.at(0);
  const auto report = [&](std::uint64_t session, std::uint64_t sequence, const AttemptResult& result) {
    ReportRequest request;
    request.session = session;
    request.sequence = sequence;
    request.results = {result};
    EXPECT_TRUE(orchestrator.on_report(std::move(request), now));
  };
  std::uint64_t sequence = 0;
  for (const Outcome outcome : {Outcome::kSucceeded, Outcome::kFailed, Outcome::kReturned}) {
    AttemptResult forged = result_of(lease, outcome);
    report(other, ++sequence, forged);
    forged.seal = 0;
    report(other, ++sequence, forged);
  }
  EXPECT_EQ(refused.count, 6U);
  EXPECT_FALSE(orchestrator.take_group(now)) << "nothing of it counts";
  report(owner, 1, result_of(lease, Outcome::kSucceeded));
  const auto group = orchestrator.take_group(now);
  ASSERT_TRUE(group);
  ASSERT_EQ(group->entries.size(), 1U);
  EXPECT_EQ(group->entries[0].kind, CommitEntry::Kind::kSucceeded);
}

TEST_F(OrchestratorTest, AnAgentThatCannotProveToBeTheSameWaitsForTheOthersSilence) {
  const auto come = [&](const std::string& proof) {
    return core().on_register({kProtocolVersion, "agent000", "127.0.0.1", 1, ""}, proof, now);
  };
  const auto first = come("one");
  ASSERT_TRUE(first);
  EXPECT_TRUE(core().speaks_for("agent000", first->session));
  EXPECT_FALSE(core().speaks_for("agent001", first->session));
  const auto refused = come("two");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_TRUE(refused.error().retryable);
  const auto again = come("one");
  ASSERT_TRUE(again) << "a restarted agent with the token of its name";
  EXPECT_NE(again->session, first->session);
  pass(options.session_timeout - milliseconds(1));
  EXPECT_TRUE(core().on_sign_of_life("agent000", now));
  pass(options.session_timeout - milliseconds(1));
  EXPECT_FALSE(come("two"));
  pass(milliseconds(1));
  EXPECT_FALSE(core().on_sign_of_life("agent000", now)) << "its silence is over";
  EXPECT_TRUE(come("two"));
}

TEST_F(OrchestratorTest, NearTheEndNobodyTakesAllThatIsLeft) {
  plan(100);
  const auto one = join("agent000", 2);
  join("agent001", 2);
  EXPECT_EQ(lease(one, 1, 1000)->leases.size(), 25U) << "half of its half";
  std::size_t all = 25;
  for (std::uint64_t sequence = 2; all < 100; ++sequence) {
    const std::size_t open = 100 - all;
    const std::size_t got = lease(one, sequence, 1000)->leases.size();
    EXPECT_LE(got, open / 4 + 1);
    ASSERT_GT(got, 0U);
    all += got;
  }
}

TEST_F(OrchestratorTest, AThresholdAbortsAfterCommittingWhatCame) {
  options.thresholds.error_threshold = 1;
  options.run_max_try = 1;
  plan(10);
  const auto agent = join("agent000", 4);
  const auto leases = lease(agent, 1, 4)->leases;
  ASSERT_GE(leases.size(), 2U);
  EXPECT_FALSE(lease(agent, 2, 0));
  bring(agent, 1, {result_of(leases[0], Outcome::kFailed), result_of(leases[1], Outcome::kSucceeded)});
  EXPECT_TRUE(core().take_ready().leases.empty()) << "nobody is sent away before the reason is durable";
  auto group = commit();
  EXPECT_EQ(group->entries.size(), 2U);
  const auto ready = core().take_ready();
  ASSERT_EQ(ready.leases.size(), 1U);
  EXPECT_EQ((*ready.leases[0].second)->directive, Directive::kAbort);
  EXPECT_TRUE((*ready.leases[0].second)->leases.empty());
  EXPECT_FALSE(group->end) << "the agent may have more to say";
  EXPECT_EQ(core().result()->message,
            "2 items failed, more than errorThreshold 1 allows; first error: ValueError: bad");
  bring(agent, 2, {}, true);
  group = commit();
  ASSERT_TRUE(group && group->end);
  EXPECT_EQ(group->end->state, JobState::kFailed);
  EXPECT_EQ(group->end->reason, JobReason::kErrorThresholdExceeded);
  EXPECT_TRUE(core().finished());
}

TEST_F(OrchestratorTest, AThresholdOfMiniBatchesNamesAnErrorThatFailedOne) {
  options.thresholds.allowed_failed_count = 0;
  options.run_max_try = 1;
  plan(10);
  const auto agent = join("agent000", 4);
  const auto leases = lease(agent, 1, 4)->leases;
  ASSERT_GE(leases.size(), 2U);
  bring(agent, 1, {result_of(leases[0], Outcome::kSucceeded, 1), result_of(leases[1], Outcome::kFailed)});
  ASSERT_TRUE(core().result());
  EXPECT_EQ(
      core().result()->message,
      "2 mini-batches failed or returned fewer elements than items, more than allowedFailedCount 0 allows; "
      "first error: ValueError: bad");
  ASSERT_EQ(core().result()->first_errors.size(), 2U) << "the shortfall is there, too";
  EXPECT_EQ(core().result()->first_errors[0].type, "ValueError");
}

TEST_F(OrchestratorTest, AnAbortDoesNotWaitLongerThanItsGrace) {
  plan(10);
  join("agent000");
  core().interrupt("interrupted", now);
  pass(options.abort_grace - nanoseconds(1));
  EXPECT_FALSE(core().take_group(now));
  now += nanoseconds(1);
  core().tick(now);
  const auto group = commit();
  ASSERT_TRUE(group && group->end);
  EXPECT_EQ(group->end->state, JobState::kInterrupted);
  EXPECT_TRUE(core().finished());
}

// It would wait for a group that never comes.
TEST_F(OrchestratorTest, AResultThatComesAfterTheLastGroupIsAnsweredAndDoesNotCount) {
  options.abort_grace = seconds(1);
  plan(10);
  const auto agent = join("agent000");
  const Lease got = lease(agent, 1)->leases[0];
  core().interrupt("interrupted", now);
  pass(options.abort_grace);
  const auto group = core().take_group(now);
  ASSERT_TRUE(group && group->end);
  EXPECT_EQ(report(agent, 1, {result_of(got, Outcome::kSucceeded)}).error().code, ErrorCode::kConflict);
  const auto again = join("agent000");
  EXPECT_FALSE(report(again, 1, {result_of(got, Outcome::kSucceeded)})->has_value());
  core().on_committed(group->number, now);
  const auto ready = core().take_ready();
  ASSERT_EQ(ready.reports.size(), 1U);
  EXPECT_EQ(ready.reports[0].second->directive, Directive::kAbort);
  EXPECT_EQ(core().progress().counts.succeeded, 0U);
  EXPECT_FALSE(core().take_group(now));
}

TEST_F(OrchestratorTest, CompletesWithTheLastCommitAndWaitsForItsAgents) {
  plan(1);
  const auto agent = join("agent000");
  const Lease got = lease(agent, 1)->leases[0];
  bring(agent, 1, {result_of(got, Outcome::kSucceeded, 1)});
  const auto group = commit();
  ASSERT_TRUE(group && group->end);
  EXPECT_EQ(group->end->state, JobState::kComplete);
  EXPECT_EQ(group->end->progress.counts.items_failed, 1U) << "the shortfall";
  EXPECT_EQ(core().take_ready().reports[0].second->directive, Directive::kDrain);
  EXPECT_FALSE(core().finished());
  EXPECT_EQ((*report(agent, 2, {}, true))->directive, Directive::kDrain);
  EXPECT_TRUE(core().finished());
}

// All was committed before it was known that no more would come: the end alone is not durable yet.
TEST_F(OrchestratorTest, NobodyIsSentAwayBeforeTheEndIsDurable) {
  plan(1, false);
  const auto agent = join("agent000");
  const Lease got = lease(agent, 1)->leases[0];
  bring(agent, 1, {result_of(got, Outcome::kSucceeded)});
  ASSERT_TRUE(commit());
  core().on_plan(1, 2, true, now);
  ASSERT_TRUE(core().result());
  EXPECT_EQ((*report(agent, 2, {}))->directive, Directive::kRun);
  const auto group = core().take_group(now);
  ASSERT_TRUE(group && group->end);
  EXPECT_EQ((*report(agent, 3, {}))->directive, Directive::kRun);
  core().on_committed(group->number, now);
  EXPECT_EQ((*report(agent, 4, {}))->directive, Directive::kDrain);
}

TEST_F(OrchestratorTest, RowsOfASummaryOnlyJobAreNotWritten) {
  options.output_action = OutputAction::kSummaryOnly;
  plan(1);
  const auto agent = join("agent000");
  bring(agent, 1, {result_of(lease(agent, 1)->leases[0], Outcome::kSucceeded)});
  const auto group = commit();
  ASSERT_TRUE(group && group->end);
  EXPECT_TRUE(group->rows.empty());
  EXPECT_EQ(group->entries.size(), 1U) << "it is counted";
}

TEST_F(OrchestratorTest, TheBookHoldsSoManyBytesAndTakesMoreOnceSomeAreDone) {
  options.max_book_bytes = 1;  // of "d", one mini-batch
  plan(3);
  const auto agent = join("agent000", 4);
  for (std::uint64_t turn = 1; turn <= 3; ++turn) {
    const auto reply = lease(agent, turn, 4);
    ASSERT_TRUE(reply) << turn;
    ASSERT_EQ(reply->leases.size(), 1U) << turn;
    bring(agent, turn, {result_of(reply->leases[0], Outcome::kSucceeded)});
    commit();
  }
  EXPECT_TRUE(core().result());
}

TEST_F(OrchestratorTest, AnInterruptAfterTheEndKeepsTheResultAndSendsTheAgentsAway) {
  plan(1);
  const auto agent = join("agent000");
  const Lease got = lease(agent, 1)->leases[0];
  bring(agent, 1, {result_of(got, Outcome::kSucceeded)});
  ASSERT_TRUE(commit()->end);
  core().take_ready();
  core().interrupt("interrupted", now);
  EXPECT_FALSE(core().finished());
  EXPECT_EQ((*report(agent, 2, {}))->directive, Directive::kAbort);
  pass(options.abort_grace - nanoseconds(1));
  EXPECT_FALSE(core().finished()) << "the agent has still something to say";
  now += nanoseconds(1);
  core().tick(now);
  EXPECT_TRUE(core().finished());
  EXPECT_EQ(core().result()->state, JobState::kComplete);
}

TEST_F(OrchestratorTest, EmptyInputAndNothingSucceededFail) {
  plan(0);
  EXPECT_EQ(core().result()->reason, JobReason::kEmptyInput);
  EXPECT_NE(core().result()->message.find("images"), std::string::npos);
  EXPECT_TRUE(commit()->end);
}

TEST_F(OrchestratorTest, NothingSucceededFailsAnAppendRowJob) {
  options.run_max_try = 1;
  plan(1);
  const auto agent = join("agent000");
  bring(agent, 1, {result_of(lease(agent, 1)->leases[0], Outcome::kFailed)});
  EXPECT_EQ(core().result()->reason, JobReason::kNothingSucceeded);
  EXPECT_EQ(core().result()->message, "nothing succeeded: all 2 items failed; first error: ValueError: bad");
}

TEST_F(OrchestratorTest, TheOnlyItemThatFailsIsNoPlural) {
  options.run_max_try = 1;
  source.list.push_back({{0}, 0, 1, "one file"});
  core().on_plan(1, 1, true, now);
  const auto agent = join("agent000");
  bring(agent, 1, {result_of(lease(agent, 1)->leases[0], Outcome::kFailed)});
  EXPECT_EQ(core().result()->message,
            "nothing succeeded: the only item failed; first error: ValueError: bad");
}

TEST_F(OrchestratorTest, TheOnlyMiniBatchIsNoPlural) {
  plan(1);
  const auto agent = join("agent000");
  bring(agent, 1, {result_of(lease(agent, 1)->leases[0], Outcome::kSucceeded)});
  EXPECT_EQ(core().result()->message, "the only mini-batch is processed");
}

TEST_F(OrchestratorTest, AMiniBatchOfUnknownSizeThatFailsCountsAsOneItem) {
  options.thresholds.error_threshold = 0;
  options.run_max_try = 2;
  source.list.push_back({{0}, 0, 0, "a file that cannot be cut"});
  core().on_plan(1, 0, true, now);
  const auto agent = join("agent000");
  bring(agent, 1, {result_of(lease(agent, 1)->leases[0], Outcome::kFailed)});
  EXPECT_EQ(commit()->entries[0].items, 0U) << "still unknown: the next try may read it";
  bring(agent, 2, {result_of(lease(agent, 2)->leases[0], Outcome::kFailed)});
  ASSERT_TRUE(core().result());
  EXPECT_EQ(core().result()->reason, JobReason::kErrorThresholdExceeded);
  EXPECT_EQ(core().result()->message,
            "1 item failed, more than errorThreshold 0 allows; first error: ValueError: bad");
  const auto group = commit();
  EXPECT_NE(group->failed_items.find("\"count\":1,"), std::string::npos) << group->failed_items;
  EXPECT_EQ(core().progress().items_total, 1U);
  EXPECT_EQ(core().progress().counts.items_failed, 1U);
}

TEST_F(OrchestratorTest, AThresholdExceededByShortfallsNamesTheFirst) {
  struct Shortfalls final : JobObserver {
    std::vector<std::string> told;
    void on_shortfall(const AgentView& agent, const AttemptResult&, const ScriptError& error) override {
      told.push_back(agent.name + ": " + error.message);
    }
    void on_try_failed(const AgentView&, const AttemptResult&, std::uint32_t, bool) override {
      ADD_FAILURE() << "a shortfall is no failed try";
    }
  } shortfalls;
  options.thresholds.error_threshold = 1;
  plan(10);
  Orchestrator core(options, std::move(recovered), planning(), shortfalls, now);
  core.on_plan(10, 20, true, now);
  const auto agent = core.on_register({kProtocolVersion, "agent000", "127.0.0.1", 4, ""}, now)->session;
  const auto leases = (*core.on_lease({agent, 1, 4}, now))->leases;
  ASSERT_GE(leases.size(), 2U);
  ReportRequest request;
  request.session = agent;
  request.sequence = 1;
  request.results = {result_of(leases[0], Outcome::kSucceeded, 1),
                     result_of(leases[1], Outcome::kSucceeded, 0)};
  ASSERT_TRUE(core.on_report(std::move(request), now));
  const std::string first =
      "run() returned 1 element for 2 items (mini-batch 0 of input 'images'); fewer elements than items "
      "count "
      "as failed";
  ASSERT_EQ(shortfalls.told.size(), 2U);
  EXPECT_EQ(shortfalls.told[0], "agent000: " + first);
  ASSERT_TRUE(core.result());
  EXPECT_EQ(core.result()->message,
            "3 items failed, more than errorThreshold 1 allows; first error: Shortfall: " + first);
  EXPECT_EQ(core.result()->first_errors.size(), 1U);
  EXPECT_EQ(core.take_group(now)->entries[0].kind, CommitEntry::Kind::kSucceeded);
  EXPECT_EQ(core.result()->progress.counts.tries_failed, 0U);
}

TEST_F(OrchestratorTest, NothingSucceededByEmptyListsSaysSo) {
  plan(1);
  const auto agent = join("agent000");
  bring(agent, 1, {result_of(lease(agent, 1)->leases[0], Outcome::kSucceeded, 0)});
  ASSERT_TRUE(core().result());
  EXPECT_EQ(core().result()->reason, JobReason::kNothingSucceeded);
  EXPECT_NE(core().result()->message.find("run() returned 0 elements for 2 items"), std::string::npos)
      << core().result()->message;
}

TEST_F(OrchestratorTest, TheMessageOfAResultIsOneLineForATerminal) {
  core().on_plan_failed({ErrorCode::kIo, "'/in/\x1b[2J\n' cannot be listed" + std::string(5000, 'x')}, now);
  const std::string& message = core().result()->message;
  EXPECT_TRUE(message.starts_with("'/in/\\x1b[2J ' cannot be listed")) << message;
  EXPECT_LT(message.size(), 2050U);
}

TEST_F(OrchestratorTest, AScriptThatCannotStartAnywhereEndsTheJob) {
  options.expected_agents = 2;
  plan(1);
  const auto give_up = [this](std::uint64_t session, bool fatal) {
    ReportRequest request;
    request.session = session;
    request.sequence = 1;
    request.slots_given_up = 1;
    request.failures = {{"process000", 1, {ErrorPhase::kInit, "KeyError", "MODEL", ""}, fatal}};
    EXPECT_TRUE(core().on_report(std::move(request), now));
  };
  give_up(join("agent000"), false);
  pass(Orchestrator::kTick);
  EXPECT_FALSE(core().result()) << "the other agent may do better";
  give_up(join("agent001"), false);
  pass(Orchestrator::kTick);
  ASSERT_TRUE(core().result());
  EXPECT_EQ(core().result()->reason, JobReason::kScriptFailed);
  EXPECT_NE(core().result()->message.find("KeyError: MODEL"), std::string::npos);
}

TEST_F(OrchestratorTest, AStoreThatRefusesEverybodyIsNotTheScripts) {
  plan(1);
  ReportRequest request;
  request.session = join("agent000");
  request.sequence = 1;
  request.slots_given_up = 1;
  request.failures = {{"data", 0, {ErrorPhase::kRead, "StoreError", "the key is refused", ""}, true}};
  EXPECT_TRUE(core().on_report(std::move(request), now));
  pass(Orchestrator::kTick);
  ASSERT_TRUE(core().result());
  const std::string& message = core().result()->message;
  EXPECT_NE(message.find("no mini-batch can get its data: StoreError: the key is refused"), std::string::npos)
      << message;
  EXPECT_EQ(message.find("entry script"), std::string::npos) << message;
}

TEST_F(OrchestratorTest, AFatalFailureEndsTheJobAtOnceUnlessTheScriptWorksElsewhere) {
  plan(1);
  const auto good = join("agent000");
  ReportRequest works;
  works.session = good;
  works.sequence = 1;
  works.inits_succeeded = 1;
  ASSERT_TRUE(core().on_report(std::move(works), now));
  ReportRequest broken;
  broken.session = join("agent001");
  broken.sequence = 1;
  broken.failures = {{"process000", 1, {ErrorPhase::kLoad, "SyntaxError", "invalid syntax", ""}, true}};
  ASSERT_TRUE(core().on_report(std::move(broken), now));
  pass(Orchestrator::kTick);
  EXPECT_FALSE(core().result());
}

TEST_F(OrchestratorTest, ColumnTypesAreDecidedAndDurableBeforeTheFirstLease) {
  samples.answer = {SampleSource::Need::kSample, "slices"};
  plan(3);
  const auto agent = join("agent000");
  const Lease infer = lease(agent, 1)->leases[0];
  EXPECT_EQ(infer.kind, LeaseKind::kInferTypes);
  EXPECT_EQ(infer.descriptor, "slices");
  EXPECT_FALSE(lease(agent, 2)) << "no mini-batch before the types";
  auto reply = result_of(infer, Outcome::kSucceeded);
  reply.rows = R"({"types": {"code": "string"}})";
  bring(agent, 1, {reply});
  EXPECT_TRUE(core().take_ready().leases.empty()) << "not before they are durable";
  EXPECT_EQ(commit()->types.size(), 1U);
  const auto ready = core().take_ready();
  ASSERT_EQ(ready.leases.size(), 1U);
  const LeaseReply& first = **ready.leases[0].second;
  ASSERT_EQ(first.input_infos.size(), 1U);
  EXPECT_EQ(first.input_infos[0].types, R"({"input":0,"types":{"code":"string"}})");
  EXPECT_TRUE(lease(agent, 3)->input_infos.empty()) << "once for each session";
}

// A column that had no value in the sample: its first value decides, once, and durably before it is read.
class UndecidedTest : public OrchestratorTest {
 protected:
  void decide() {
    samples.answer = {SampleSource::Need::kSample, "slices"};
    plan(4);
    agent = join("agent000");
    auto reply = result_of(lease(agent, 1)->leases[0], Outcome::kSucceeded);
    reply.rows = R"({"types": {"a": "int64", "late": "missing", "never": "missing"}, "columns": ["a"]})";
    bring(agent, 1, {reply});
    commit();
    core().take_ready();
    leases = lease(agent, 2, 4)->leases;
    ASSERT_FALSE(leases.empty());
  }
  AttemptResult undecided(const Lease& of, const std::string& types) {
    auto result = result_of(of, Outcome::kUndecided);
    result.rows = R"({"types": )" + types + "}";
    return result;
  }
  std::uint64_t agent = 0;
  std::vector<Lease> leases;
};

TEST_F(UndecidedTest, TheFirstValueDecidesAndIsReadAfterThat) {
  decide();
  bring(agent, 2, {undecided(leases[0], R"({"late": "string", "a": "string"})")});
  EXPECT_FALSE(lease(agent, 3)) << "nothing under types that are not durable";
  const auto group = commit();
  ASSERT_EQ(group->types.size(), 1U);
  EXPECT_EQ(group->types[0].types,
            R"({"columns":["a"],"input":0,"types":{"a":"int64","late":"string","never":"missing"}})");
  EXPECT_TRUE(group->entries.empty()) << "it costs no try";
  const auto ready = core().take_ready();
  ASSERT_EQ(ready.leases.size(), 1U);
  const LeaseReply& again = **ready.leases[0].second;
  ASSERT_EQ(again.input_infos.size(), 1U) << "the session is told anew";
  EXPECT_EQ(again.input_infos[0].types, group->types[0].types);
  EXPECT_EQ(again.leases[0].work, leases[0].work);
  EXPECT_EQ(again.leases[0].try_number, 1U);
}

TEST_F(UndecidedTest, WhatWasLeasedBeforeIsReadAgainAndWhatSaysNothingNewFails) {
  options.run_max_try = 1;
  decide();
  if (leases.size() < 2) leases.push_back(lease(agent, 3, 4)->leases[0]);
  bring(agent, 2, {undecided(leases[0], R"({"late": "string"})")});
  commit();
  core().take_ready();
  // Under the old types: whatever it says comes too late, and costs nothing.
  bring(agent, 3, {undecided(leases[1], R"({"late": "float64"})")});
  EXPECT_FALSE(commit());
  const auto again = lease(agent, 5, 4);
  ASSERT_TRUE(again);
  ASSERT_EQ(again->leases.size(), 2U);
  // Under the new ones it would come back for ever.
  bring(agent, 4, {undecided(again->leases[0], R"({"late": "float64"})")});
  const auto group = commit();
  ASSERT_EQ(group->entries.size(), 1U);
  EXPECT_EQ(group->entries[0].kind, CommitEntry::Kind::kFailed);
  bring(agent, 5, {undecided(again->leases[1], "[]")});
  EXPECT_EQ(commit()->entries[0].kind, CommitEntry::Kind::kFailed) << "no types at all";
}

TEST_F(OrchestratorTest, WhatAnotherTryCannotMendIsNotTriedAgain) {
  options.run_max_try = 3;
  plan(2);
  const auto agent = join("agent000");
  const auto got = lease(agent, 1)->leases[0];
  bring(agent, 1, {result_of(got, Outcome::kFailedForGood)});
  const auto group = commit();
  ASSERT_EQ(group->entries.size(), 1U);
  EXPECT_EQ(group->entries[0].kind, CommitEntry::Kind::kFailed);
}

TEST_F(OrchestratorTest, TypesThatCannotBeInferredFailTheJob) {
  options.run_max_try = 2;
  samples.answer = {SampleSource::Need::kSample, "slices"};
  plan(3);
  const auto agent = join("agent000");
  auto nonsense = result_of(lease(agent, 1)->leases[0], Outcome::kSucceeded);
  nonsense.rows = "no json";
  bring(agent, 1, {nonsense});
  bring(agent, 2, {result_of(lease(agent, 2)->leases[0], Outcome::kFailed)});
  ASSERT_TRUE(core().result());
  EXPECT_EQ(core().result()->reason, JobReason::kTypeInferenceFailed);
}

}  // namespace
}  // namespace parallelrun::orchestrator
