// Mini-batches that are split until the items that fail stand alone: Options::isolate_failures.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "orchestrator_stage.h"

namespace parallelrun::orchestrator {
namespace {

using Kind = CommitEntry::Kind;

class IsolationTest : public OrchestratorTest {
 protected:
  IsolationTest() {
    options.isolate_failures = true;
    options.run_max_try = 2;
  }
  void plan_one(std::uint64_t items) {
    source.list.push_back({{0}, 0, items, "d"});
    core().on_plan(1, items, true, now);
  }
  Lease next() {
    const auto got = lease(agent, ++leases);
    EXPECT_TRUE(got && !got->leases.empty());
    return got && !got->leases.empty() ? got->leases[0] : Lease{};
  }
  void report_back(const Lease& got, Outcome outcome) {
    bring(agent, ++reports, {result_of(got, outcome, got.items)});
  }
  Kind committed() {
    const auto group = commit();
    EXPECT_TRUE(group && group->entries.size() == 1);
    failed_items = group ? group->failed_items : "";
    return group && !group->entries.empty() ? group->entries[0].kind : Kind::kSucceeded;
  }

  std::uint64_t agent = 0;
  std::uint64_t leases = 0;
  std::uint64_t reports = 0;
  std::string failed_items;
};

TEST_F(IsolationTest, TheItemThatFailsStandsAlone) {
  plan_one(3);
  agent = join("agent000");
  report_back(next(), Outcome::kFailed);
  EXPECT_EQ(committed(), Kind::kTryFailed);
  report_back(next(), Outcome::kFailed);
  EXPECT_FALSE(commit()) << "not before its halves are cut";
  EXPECT_EQ(cut(), (std::vector<ItemRange>{{0, 2}, {2, 3}}));
  EXPECT_EQ(lease(agent, ++leases), nullptr) << "not before the split is durable";
  EXPECT_EQ(committed(), Kind::kSplit);

  auto ready = core().take_ready();
  ASSERT_EQ(ready.leases.size(), 1U);
  const Lease half = (*ready.leases[0].second)->leases.at(0);
  EXPECT_EQ(half.work, (WorkId{{0}, 2}));
  EXPECT_EQ(half.items, 2U);
  EXPECT_EQ(half.descriptor, "d[0,2)");
  EXPECT_EQ(half.try_number, 1U);
  report_back(half, Outcome::kDied);  // one try is enough for a part of several items
  EXPECT_EQ(cut(), (std::vector<ItemRange>{{0, 1}, {1, 2}}));
  EXPECT_EQ(committed(), Kind::kSplit);

  const Lease third = next();
  EXPECT_EQ(third.work, (WorkId{{0}, 3}));
  report_back(third, Outcome::kSucceeded);
  EXPECT_EQ(committed(), Kind::kSucceeded);
  const Lease bad = next();
  EXPECT_EQ(bad.work, (WorkId{{0}, 4}));
  EXPECT_EQ(bad.descriptor, "d[0,2)[0,1)");
  report_back(bad, Outcome::kFailed);
  EXPECT_EQ(committed(), Kind::kTryFailed) << "a single item has all its tries";
  const Lease good = next();
  EXPECT_EQ(good.work, (WorkId{{0}, 5}));
  report_back(good, Outcome::kSucceeded);
  EXPECT_EQ(committed(), Kind::kSucceeded);
  EXPECT_FALSE(core().result());
  const Lease again = next();
  EXPECT_EQ(again.work, (WorkId{{0}, 4}));
  EXPECT_TRUE(again.fresh_process);
  report_back(again, Outcome::kFailed);
  EXPECT_EQ(committed(), Kind::kFailed);
  EXPECT_THAT(failed_items, testing::HasSubstr(R"("miniBatch":0,"part":4,)"));
  EXPECT_THAT(failed_items, testing::HasSubstr(R"("count":1,"tries":2,)"));

  ASSERT_TRUE(core().result());
  EXPECT_EQ(core().result()->state, JobState::kComplete);
  EXPECT_EQ(core().progress().counts.items_failed, 1U);
  EXPECT_EQ(core().progress().counts.items_succeeded, 2U);
  EXPECT_EQ(core().progress().counts.failed, 1U) << "one mini-batch";
}

TEST_F(IsolationTest, WhatCannotBeSplitFailsAsAWhole) {
  for (const bool readable : {true, false}) {
    SCOPED_TRACE(readable);
    options.run_max_try = 1;
    recovered = {};
    recovered.epoch = 1;
    recovered.epochs = {{1, 0}};
    source.list = {{{0}, 0, 3, "d"}};
    Orchestrator job(options, std::move(recovered), planning(), observer, now);
    job.on_plan(1, 3, true, now);
    const auto id = job.on_register({kProtocolVersion, "agent000", "127.0.0.1", 1, ""}, now)->session;
    const Lease got = (*job.on_lease({id, 1, 1}, now))->leases.at(0);
    ReportRequest request;
    request.session = id;
    request.sequence = 1;
    request.results = {result_of(got, Outcome::kFailedForGood)};
    ASSERT_TRUE(job.on_report(std::move(request), now));
    ASSERT_EQ(parts.wanted.size(), 1U);
    const std::uint64_t number = parts.wanted.front().number;
    parts.wanted.pop_front();
    if (readable) {
      job.on_parts(number, std::optional<std::vector<MiniBatch>>(), now);
    } else {
      job.on_parts(number, Error{ErrorCode::kConflict, "/in/a.csv has changed"}, now);
    }
    const auto group = job.take_group(now);
    ASSERT_TRUE(group && group->entries.size() == 1);
    EXPECT_EQ(group->entries[0].kind, Kind::kFailed);
    EXPECT_EQ(group->entries[0].items_failed, 3U);
    EXPECT_THAT(group->failed_items, testing::HasSubstr("ValueError"))
        << "why it failed, not why it is whole";
  }
}

TEST_F(IsolationTest, ALateSuccessComesBeforeTheSplit) {
  options.run_max_try = 1;
  plan_one(2);
  const auto lost = join("agent000");
  const Lease first = lease(lost, 1)->leases.at(0);
  pass(options.session_timeout / 2);
  agent = join("agent001");
  for (int i = 0; i < 4; ++i) {
    pass(options.session_timeout / 4);
    EXPECT_TRUE(core().on_sign_of_life("agent001", now));
  }
  report_back(next(), Outcome::kFailed);
  const auto back = join("agent000");
  bring(back, 1, {result_of(first, Outcome::kSucceeded)});
  EXPECT_EQ(committed(), Kind::kSucceeded);
  cut();
  EXPECT_EQ(core().result()->state, JobState::kComplete);
  EXPECT_EQ(core().progress().counts.items_failed, 0U);
}

TEST_F(IsolationTest, PartsAreFoundAgainAfterAStart) {
  for (const auto& [kind, work, items] :
       std::vector<std::tuple<Kind, WorkId, std::uint64_t>>{{Kind::kSplit, {{0}}, 5},
                                                            {Kind::kSucceeded, {{0}, 2}, 3},
                                                            {Kind::kSplit, {{0}, 3}, 2},
                                                            {Kind::kTryFailed, {{0}, 6}, 1}}) {
    ASSERT_TRUE(recovered.ledger.add({kind, work, 1, items, 0}));
  }
  recovered.tries[{{0}, 6}] = 1;
  plan_one(5);
  agent = join("agent000");
  EXPECT_EQ(lease(agent, ++leases), nullptr) << "its parts are being cut";
  EXPECT_EQ(cut(), (std::vector<ItemRange>{{3, 4}, {4, 5}}));
  auto ready = core().take_ready();
  ASSERT_EQ(ready.leases.size(), 1U);
  const Lease one = (*ready.leases[0].second)->leases.at(0);
  EXPECT_EQ(one.work, (WorkId{{0}, 6}));
  EXPECT_EQ(one.descriptor, "d[3,4)");
  EXPECT_EQ(one.try_number, 2U) << "its tries are known";
  report_back(one, Outcome::kFailed);
  EXPECT_EQ(committed(), Kind::kFailed);
  report_back(next(), Outcome::kSucceeded);
  EXPECT_EQ(committed(), Kind::kSucceeded);
  EXPECT_EQ(core().result()->state, JobState::kComplete);
}

TEST_F(IsolationTest, PartsOfAnEarlierStartAreDoneWhereNothingIsSplitAnyMore) {
  options.isolate_failures = false;
  ASSERT_TRUE(recovered.ledger.add({Kind::kSplit, {{0}}, 1, 4, 0}));
  plan_one(4);
  agent = join("agent000");
  EXPECT_EQ(lease(agent, ++leases), nullptr);
  EXPECT_EQ(cut(), (std::vector<ItemRange>{{0, 2}, {2, 4}}));
  auto ready = core().take_ready();
  ASSERT_EQ(ready.leases.size(), 1U);
  report_back((*ready.leases[0].second)->leases.at(0), Outcome::kFailed);
  EXPECT_EQ(committed(), Kind::kTryFailed) << "it has all its tries, as everything has without isolation";
  report_back(next(), Outcome::kSucceeded);
  EXPECT_EQ(committed(), Kind::kSucceeded);
  const Lease again = next();
  EXPECT_EQ(again.work, (WorkId{{0}, 2}));
  report_back(again, Outcome::kFailed);
  EXPECT_EQ(committed(), Kind::kFailed);
  EXPECT_EQ(core().progress().counts.items_failed, 2U);
  EXPECT_EQ(core().result()->state, JobState::kComplete);
}

TEST_F(IsolationTest, AStartAsksForAFewPartsAtATime) {
  const std::uint64_t many = Orchestrator::kMostCuttings + 5;
  for (std::uint64_t i = 0; i < many; ++i) {
    source.list.push_back({{i}, 0, 2, "d"});
    ASSERT_TRUE(recovered.ledger.add({Kind::kSplit, {{i}}, 1, 2, 0}));
  }
  core().on_plan(many, 2 * many, true, now);
  agent = join("agent000");
  EXPECT_EQ(lease(agent, ++leases, 5'000), nullptr);
  EXPECT_EQ(parts.wanted.size(), Orchestrator::kMostCuttings);
  std::uint64_t cuts = 0;
  while (!core().result()) {
    while (!cut().empty()) ++cuts;
    std::vector<AttemptResult> results;
    const auto take = [&](const LeaseReply& reply) {
      for (const Lease& one : reply.leases) results.push_back(result_of(one, Outcome::kSucceeded, one.items));
    };
    for (const auto& [session, reply] : core().take_ready().leases) take(**reply);
    if (results.empty()) {
      if (const auto more = lease(agent, ++leases, 5'000)) take(*more);
    }
    ASSERT_FALSE(results.empty() && parts.wanted.empty()) << "it stands still";
    if (results.empty()) continue;
    bring(agent, ++reports, std::move(results));
    ASSERT_TRUE(commit());
  }
  EXPECT_EQ(cuts, many);
  EXPECT_EQ(core().progress().counts.succeeded, many);
}

TEST_F(IsolationTest, ALostAgentIsRememberedOfTheParts) {
  options.run_max_try = 1;
  plan_one(2);
  Lease got;
  for (int lost = 0; lost < 3; ++lost) {
    agent = join("agent000");  // each takes the place of the one before
    leases = 0;
    got = next();
  }
  join("agent000");
  EXPECT_FALSE(parts.wanted.empty()) << "the third loss is a failed try";
  cut();
  ASSERT_TRUE(commit());
  agent = join("agent001", 2);
  leases = 0;
  const auto alone = lease(agent, ++leases, 2);
  ASSERT_TRUE(alone);
  EXPECT_EQ(alone->leases.size(), 1U) << "a half of a suspect is one";
}

TEST_F(IsolationTest, AJournalThatCannotNamePartsIsGoneOnWithWithoutThem) {
  options.run_max_try = 1;
  recovered.knows_parts = false;
  plan_one(2);
  agent = join("agent000");
  report_back(next(), Outcome::kFailed);
  EXPECT_TRUE(parts.wanted.empty());
  EXPECT_EQ(committed(), Kind::kFailed);
}

}  // namespace
}  // namespace parallelrun::orchestrator
