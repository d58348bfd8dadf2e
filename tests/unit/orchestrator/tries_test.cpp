// Tries and their pauses, agents that are lost or silent, jobs that do not get on.
#include <gtest/gtest.h>

#include <algorithm>

#include "orchestrator_stage.h"

namespace parallelrun::orchestrator {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// [run_retry_delay] to the nanosecond of a tick: doubled for each further try, while others go on.
TEST_F(OrchestratorTest, AFailedTryWaitsTwiceAsLongEachTimeAndOthersGoOn) {
  options.run_max_try = 10;
  options.retry_delay = seconds(20);
  options.lease_poll = std::chrono::hours(1);
  plan(2);
  const auto agent = join("agent000");
  std::uint64_t sequence = 0;
  auto got = lease(agent, ++sequence);
  ASSERT_TRUE(got);
  std::uint64_t reports = 0;
  for (const auto wait : {seconds(20), seconds(40), seconds(60), seconds(60)}) {
    bring(agent, ++reports, {result_of(got->leases.at(0), Outcome::kFailed)});
    if (wait == seconds(20)) {
      const auto other = lease(agent, ++sequence);
      ASSERT_TRUE(other) << "the other mini-batch goes on";
      EXPECT_EQ(other->leases.at(0).work.mini_batch.value, 1U);
      bring(agent, ++reports, {result_of(other->leases.at(0), Outcome::kSucceeded)});
    }
    ++sequence;
    EXPECT_FALSE(lease(agent, sequence));
    const Time due = now + wait;
    while (now + Orchestrator::kTick < due) {
      now += Orchestrator::kTick;
      bring(agent, ++reports, {});
      core().tick(now);
      ASSERT_TRUE(core().take_ready().leases.empty()) << "it is too early";
    }
    now = due;
    bring(agent, ++reports, {});
    core().tick(now);
    const auto ready = core().take_ready();
    ASSERT_EQ(ready.leases.size(), 1U) << "after " << wait.count() << " s";
    got = *ready.leases[0].second;
    ASSERT_EQ(got->leases.size(), 1U);
    EXPECT_EQ(got->leases[0].work.mini_batch.value, 0U);
  }
}

// Takes the rows of the first as they are, and refuses others.
class LikeTheFirst final : public RowCheck {
 public:
  Status admit(std::string& rows) override {
    if (first_.empty()) first_ = rows;
    if (rows != first_) return Error{ErrorCode::kInvalidArgument, "other columns: " + rows, false};
    rows += "admitted\n";
    return {};
  }

 private:
  std::string first_;
};

TEST_F(OrchestratorTest, RowsThatDoNotFitThoseBeforeFailTheirMiniBatchForGood) {
  options.run_max_try = 10;
  options.row_check = std::make_shared<LikeTheFirst>();
  plan(8);
  const auto agent = join("agent000", 2);
  const auto got = lease(agent, 1, 2);
  ASSERT_EQ(got->leases.size(), 2U);
  auto results = std::vector<AttemptResult>{result_of(got->leases[0], Outcome::kSucceeded),
                                            result_of(got->leases[1], Outcome::kSucceeded)};
  results[1].rows = "others\n";
  bring(agent, 1, std::move(results));
  const auto group = commit();
  ASSERT_TRUE(group);
  EXPECT_EQ(group->rows, (std::vector<std::string>{"row\nadmitted\n"}));
  ASSERT_EQ(group->entries.size(), 2U);
  EXPECT_EQ(group->entries[1].kind, CommitEntry::Kind::kFailed);
  EXPECT_EQ(group->entries[1].items_failed, 2U);
  EXPECT_NE(group->failed_items.find("other columns: others"), std::string::npos) << group->failed_items;
  EXPECT_NE(group->failed_items.find("ColumnsDiffer"), std::string::npos);
}

TEST_F(OrchestratorTest, OnlyTheLastTryOfSeveralNeedsAFreshProcess) {
  for (const std::uint32_t tries : {1U, 3U}) {
    OrchestratorTest::options.run_max_try = tries;
    ListSource list;
    list.list.push_back({{0}, 0, 2, "d"});
    RecoveredJob job;
    job.epoch = 1;
    job.epochs = {{1, 0}};
    Orchestrator fresh(options, std::move(job), {list, samples, parts}, observer, now);
    fresh.on_plan(1, 2, true, now);
    const auto agent =
        fresh.on_register({kProtocolVersion, "agent000", "127.0.0.1", 1, ""}, "", now)->session;
    for (std::uint32_t n = 1; n <= tries; ++n) {
      const auto got = *fresh.on_lease({agent, n, 1}, now);
      ASSERT_TRUE(got);
      EXPECT_EQ(got->leases.at(0).fresh_process, tries > 1 && n == tries) << "try " << n << " of " << tries;
      ReportRequest request;
      request.session = agent;
      request.sequence = n;
      request.results = {result_of(got->leases.at(0), Outcome::kFailed)};
      ASSERT_TRUE(fresh.on_report(std::move(request), now));
    }
  }
}

// Agents that are lost with a mini-batch inside run(): two for nothing, then each costs a try.
class LossesTest : public OrchestratorTest {
 protected:
  LossesTest() {
    options.run_max_try = 2;
    options.max_leases_per_reply = 4;
  }
  // The agent of that name comes anew, in the place of a lost one, and asks.
  std::shared_ptr<const LeaseReply> come(const std::string& name, std::uint32_t want = 4,
                                         const std::string& how = {}) {
    auto reply = core().on_register({kProtocolVersion, name, "10.0.0.1", 4, "", how}, "", now);
    EXPECT_TRUE(reply);
    session = reply->session;
    return lease(session, 1, want);
  }
  void tell_inside(std::vector<std::uint64_t> attempts) {
    ReportRequest request;
    request.session = session;
    request.sequence = ++reported;
    request.inside = std::move(attempts);
    EXPECT_TRUE(core().on_report(std::move(request), now));
  }
  static std::vector<std::uint64_t> ids(const std::shared_ptr<const LeaseReply>& reply) {
    std::vector<std::uint64_t> out;
    for (const Lease& lease : reply->leases) out.push_back(lease.work.mini_batch.value);
    return out;
  }
  // In steps: a leap is a standstill of the orchestrator, which costs nobody anything.
  void be_silent(Duration time) {
    for (const Time end = now + time; now < end;) core().tick(now += std::chrono::seconds(1));
  }
  std::uint64_t session = 0;
  std::uint64_t reported = 0;
};

TEST_F(LossesTest, ASuspectRunsAloneAndThenPaysForEachAgentThatItTakesDown) {
  plan(8);
  for (int loss = 0; loss < 2; ++loss) {
    const auto got = come("worker-0");
    ASSERT_TRUE(got);
    const auto poison = std::find_if(got->leases.begin(), got->leases.end(),
                                     [](const Lease& l) { return l.work.mini_batch.value == 0; });
    ASSERT_NE(poison, got->leases.end());
    EXPECT_GT(got->leases.size(), 1U) << "not alone yet";
    tell_inside({poison->attempt});
  }
  for (std::uint32_t charged = 0; charged < 2; ++charged) {
    const auto alone = come("worker-0", 4, "was evicted");
    ASSERT_TRUE(alone);
    EXPECT_EQ(ids(alone), std::vector<std::uint64_t>{0});
    EXPECT_EQ(alone->leases[0].try_number, charged + 1);
    tell_inside({alone->leases[0].attempt});
    EXPECT_FALSE(lease(session, 2, 4)) << "nothing beside it";
  }
  const auto rest = come("worker-0", 4, "was evicted: the node was low on ephemeral-storage");
  ASSERT_TRUE(rest);
  EXPECT_EQ(rest->leases.front().work.mini_batch.value, 1U);
  const auto group = commit();
  ASSERT_TRUE(group);
  ASSERT_EQ(group->entries.size(), 2U);
  EXPECT_EQ(group->entries[0].kind, CommitEntry::Kind::kTryFailed);
  EXPECT_EQ(group->entries[1].kind, CommitEntry::Kind::kFailed);
  EXPECT_NE(group->entries[0].attempt, group->entries[1].attempt);
  EXPECT_NE(group->failed_items.find("The last one was worker-0 on 10.0.0.1: it was "
                                     "evicted: the node was low on ephemeral-storage"),
            std::string::npos)
      << group->failed_items;
  EXPECT_EQ(core().progress().losses_charged, 2U);
}

TEST_F(LossesTest, AfterASilentEndTheSuccessorSaysHowItWas) {
  plan(8);
  // By the first two losses mini-batch 0 becomes a suspect.
  for (int loss = 0; loss < 3; ++loss) {
    const auto got = come("worker-0");
    ASSERT_TRUE(got);
    tell_inside({got->leases[0].attempt});
  }
  be_silent(options.session_timeout + std::chrono::seconds(2));
  EXPECT_EQ(core().progress().losses_charged, 0U) << "it is not known yet how the agent ended";
  const auto rest = come("worker-0", 4, "was evicted: Usage exceeds the limit");
  EXPECT_EQ(core().progress().losses_charged, 1U);
  ASSERT_TRUE(rest);
  EXPECT_EQ(ids(rest), std::vector<std::uint64_t>{0});
  tell_inside({rest->leases[0].attempt});
  // Nobody comes: the silence is all that is known.
  be_silent(5 * options.session_timeout + std::chrono::seconds(2));
  EXPECT_EQ(core().progress().losses_charged, 2U);
  const auto group = commit();
  ASSERT_TRUE(group);
  EXPECT_NE(group->failed_items.find("silent for"), std::string::npos) << group->failed_items;
}

TEST_F(LossesTest, WhatWasCutOffCountsIfItIsWhyTheAgentHadToGo) {
  plan(8);
  // Asked to go while mini-batch 0 was in run(): it comes back, and the agent leaves in order.
  const auto leave = [&](const Lease& begun) {
    ReportRequest request;
    request.session = session;
    request.sequence = ++reported;
    request.results = {result_of(begun, Outcome::kReturned)};
    request.results[0].started_unix_us = 1;
    request.leaving = true;
    EXPECT_TRUE(core().on_report(std::move(request), now));
  };
  auto got = come("worker-0");
  for (int drained = 0; drained < 3; ++drained) {
    ASSERT_TRUE(got);
    ASSERT_EQ(got->leases[0].work.mini_batch.value, 0U);
    leave(got->leases[0]);
    got = come("worker-0");
  }
  EXPECT_GT(got->leases.size(), 1U) << "drains make no suspect";
  for (int evicted = 0; evicted < 4; ++evicted) {
    ASSERT_TRUE(got);
    ASSERT_EQ(got->leases[0].work.mini_batch.value, 0U) << evicted;
    EXPECT_EQ(got->leases.size() == 1, evicted >= 2) << evicted;
    leave(got->leases[0]);
    got = come("worker-0", 4, "ended: Evicted, exit code 0: Usage exceeds the limit");
  }
  ASSERT_TRUE(got);
  EXPECT_EQ(got->leases[0].work.mini_batch.value, 1U) << "it has failed";
  EXPECT_EQ(core().progress().losses_charged, 2U);
  const auto group = commit();
  ASSERT_TRUE(group);
  EXPECT_NE(group->failed_items.find("it ended: Evicted, exit code 0: Usage exceeds"), std::string::npos);
}

TEST_F(LossesTest, AnAgentThatIsBusyIsEmptiedBeforeASuspectComesAlone) {
  plan(8);
  for (int loss = 0; loss < 2; ++loss) {
    const auto got = come("worker-0", 1);
    ASSERT_EQ(ids(got), std::vector<std::uint64_t>{0});
    tell_inside({got->leases[0].attempt});
  }
  const auto busy = join("worker-1", 4);
  const auto held = lease(busy, 1, 1);
  ASSERT_EQ(ids(held), std::vector<std::uint64_t>{1});
  ASSERT_TRUE(core().on_register({kProtocolVersion, "worker-0", "10.0.0.1", 4, ""}, "", now))
      << "the second loss";
  EXPECT_FALSE(lease(busy, 2, 4)) << "it gets nothing that would run beside it";
  bring(busy, 1, {result_of(held->leases[0], Outcome::kSucceeded)});
  commit();
  const auto ready = core().take_ready();
  ASSERT_EQ(ready.leases.size(), 1U);
  EXPECT_EQ(ids(*ready.leases[0].second), std::vector<std::uint64_t>{0});
}

TEST_F(LossesTest, OthersThatWereOnlyHeldAndAgentsThatLeftCostNothing) {
  plan(4);
  for (int loss = 0; loss < 5; ++loss) {
    const auto got = come("worker-0");
    ASSERT_TRUE(got);
    EXPECT_EQ(got->leases.size(), 2U) << "its fair share, never one alone";
    tell_inside({got->leases[0].attempt, got->leases[1].attempt});
    bring(session, ++reported, {}, true);
  }
  EXPECT_EQ(core().progress().counts.tries_failed, 0U);
  EXPECT_FALSE(commit());
}

TEST_F(LossesTest, WhatTakesAnAgentDownBeforeItCouldTellIsFoundAmongItsNext) {
  plan(1);
  for (int loss = 0; loss < 4; ++loss) ASSERT_TRUE(come("worker-0"));
  come("worker-0");
  const auto group = commit();
  ASSERT_TRUE(group);
  EXPECT_EQ(group->entries.back().kind, CommitEntry::Kind::kFailed);
}

TEST_F(LossesTest, AResultOfTheLostAgentStillCounts) {
  plan(2);
  for (int loss = 0; loss < 2; ++loss) tell_inside({come("worker-0", 1)->leases.at(0).attempt});
  const auto alone = come("worker-0");
  tell_inside({alone->leases.at(0).attempt});
  ASSERT_TRUE(come("worker-0"));
  bring(session, ++reported, {result_of(alone->leases[0], Outcome::kSucceeded)});
  const auto group = commit();
  ASSERT_TRUE(group);
  ASSERT_EQ(group->entries.size(), 2U);
  EXPECT_EQ(group->entries[1].kind, CommitEntry::Kind::kSucceeded);
  EXPECT_NE(group->entries[0].attempt, group->entries[1].attempt) << "an attempt stands there once";
}

TEST_F(OrchestratorTest, ASilentAgentIsToldOfBeforeAndAfterItIsLost) {
  class Ears final : public JobObserver {
   public:
    std::vector<std::string> told;
    void on_agent_silent(const Silence& silence) override { told.push_back(in_words(silence)); }
    void on_agent_answers(const AgentView& agent) override { told.push_back(agent.name + " answers"); }
  } ears;
  for (std::uint64_t i = 0; i < 4; ++i) source.list.push_back({{i}, 0, 2, "d"});
  options.session_timeout = seconds(10);
  options.expected_agents = 2;
  Orchestrator job(options, std::move(recovered), planning(), ears, now);
  job.on_plan(4, 8, true, now);
  const auto agent = job.on_register({kProtocolVersion, "agent001", "127.0.0.2", 1, ""}, "", now)->session;
  ASSERT_TRUE(*job.on_lease({agent, 1, 1}, now));
  const auto wait = [&](Duration time) {
    for (const Time until = now + time; now < until;) job.tick(now += Orchestrator::kTick);
  };
  wait(milliseconds(4'900));
  EXPECT_TRUE(job.silences().empty());
  wait(milliseconds(200));
  ASSERT_EQ(ears.told.size(), 1U);
  EXPECT_EQ(
      ears.told[0],
      "agent001 on 127.0.0.2 has not answered for 5 s; its mini-batch is handed to other agents in 5 s");
  EXPECT_FALSE(*job.on_lease({agent, 2, 0}, now));
  ASSERT_EQ(ears.told.size(), 2U);
  EXPECT_EQ(ears.told[1], "agent001 answers");
  wait(seconds(40));
  ASSERT_EQ(job.silences().size(), 1U);
  EXPECT_EQ(
      in_words(job.silences()[0]),
      "agent001 on 127.0.0.2 has not answered for 40 s; its mini-batch was handed to other agents 30 s ago");
  job.on_register({kProtocolVersion, "agent001", "127.0.0.2", 1, ""}, "", now).ok();
  EXPECT_TRUE(job.silences().empty());
}

TEST_F(OrchestratorTest, AJobWithoutAFirstMiniBatchFailsAtItsTime) {
  options.first_task_creation_timeout = seconds(30);
  core();
  pass(seconds(30) - Orchestrator::kTick);
  EXPECT_FALSE(core().result());
  pass(Orchestrator::kTick);
  ASSERT_TRUE(core().result());
  EXPECT_EQ(core().result()->reason, JobReason::kFirstTaskCreationTimeout);
  EXPECT_NE(core().result()->message.find("after 30 s (firstTaskCreationTimeout)"), std::string::npos);
}

TEST_F(OrchestratorTest, WhatIsReadOnceMoreToBeGroupedHasTheWholeTime) {
  options.first_task_creation_timeout = seconds(30);
  core();
  pass(seconds(20));
  core().on_inputs_checked(now);
  pass(seconds(30) - Orchestrator::kTick);
  EXPECT_FALSE(core().result());
  pass(Orchestrator::kTick);
  ASSERT_TRUE(core().result());
  EXPECT_EQ(core().result()->reason, JobReason::kFirstTaskCreationTimeout);
}

TEST_F(OrchestratorTest, AJobWithoutProgressFailsAtItsTimeAndEachTryIsProgress) {
  options.progress_update_timeout = seconds(5);
  options.run_max_try = 10;
  options.session_timeout = std::chrono::hours(1);
  plan(1);
  const auto agent = join("agent000");
  for (std::uint64_t n = 1; n <= 3; ++n) {
    const auto got = lease(agent, n);
    ASSERT_TRUE(got);
    pass(seconds(4));
    bring(agent, n, {result_of(got->leases.at(0), Outcome::kFailed)});
  }
  core().hold(true, now);
  pass(seconds(60));
  EXPECT_FALSE(core().result()) << "held";
  core().hold(false, now);
  pass(seconds(5) - Orchestrator::kTick);
  EXPECT_FALSE(core().result());
  pass(Orchestrator::kTick);
  ASSERT_TRUE(core().result());
  EXPECT_EQ(core().result()->reason, JobReason::kProgressUpdateTimeout);
  EXPECT_NE(core().result()->message.find("for 5 s (progressUpdateTimeout): 0 of 1 are processed"),
            std::string::npos)
      << core().result()->message;
}

TEST_F(OrchestratorTest, ACompleteJobSaysFirstWhatFailed) {
  options.run_max_try = 1;
  plan(3);
  const auto agent = join("agent000", 4);
  for (std::uint64_t n = 1; n <= 3; ++n) {
    const auto got = lease(agent, n);
    ASSERT_TRUE(got);
    bring(agent, n, {result_of(got->leases.at(0), n == 1 ? Outcome::kFailed : Outcome::kSucceeded)});
  }
  ASSERT_TRUE(core().result());
  EXPECT_EQ(core().result()->message, "2 of 6 items failed; all 3 mini-batches are processed");
  EXPECT_EQ(outcome(*core().result()), "Complete, 2 of 6 items failed");
}

}  // namespace
}  // namespace parallelrun::orchestrator
