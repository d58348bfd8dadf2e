#include "common/kube/lease_state.h"

#include <gtest/gtest.h>

#include "start_time.h"

namespace parallelrun::kube {
namespace {

using namespace std::chrono_literals;
using Standing = LeaseStanding;

const WallTime kWall = WallTime(std::chrono::sys_days(std::chrono::year(2026) / 1 / 1));

LeaseOptions lease_options(const std::string& identity = "me") {
  LeaseOptions result;
  result.identity = identity;
  result.random = [] { return 0.0; };
  return result;
}

LeaseRecord record(const std::string& holder, int transitions, const std::string& version) {
  return {holder, 15s, "2025-12-31T00:00:00.000000Z", "2025-12-31T00:00:00.000000Z", transitions, version};
}

class LeaseStateTest : public ::testing::Test {
 protected:
  template <typename Action>
  Action expect(Time now) {
    const auto action = state.next(now, kWall);
    if (const auto* wanted = std::get_if<Action>(&action)) return *wanted;
    ADD_FAILURE() << "another action: " << action.index();
    return {};
  }
  // As the server stores it.
  void stored(Time now, LeaseRecord written, const std::string& version) {
    written.resource_version = version;
    state.on_written(now, written);
  }
  void hold(Time now) {
    expect<LeaseState::Get>(now);
    state.on_absent(now);
    stored(now, expect<LeaseState::Create>(now).record, "1");
    ASSERT_EQ(state.standing(now), Standing::kHeld);
  }

  LeaseState state{lease_options()};
};

TEST_F(LeaseStateTest, AnAbsentLeaseIsCreated) {
  EXPECT_EQ(state.standing(kStart), Standing::kWaiting);
  expect<LeaseState::Get>(kStart);
  state.on_absent(kStart);
  const auto create = expect<LeaseState::Create>(kStart);
  EXPECT_EQ(create.record,
            (LeaseRecord{"me", 15s, "2026-01-01T00:00:00.000000Z", "2026-01-01T00:00:00.000000Z", 0, ""}));
  EXPECT_EQ(state.standing(kStart), Standing::kWaiting);
  stored(kStart + 1s, create.record, "1");
  EXPECT_EQ(state.standing(kStart + 1s), Standing::kHeld);
}

TEST_F(LeaseStateTest, ItIsHeldFromTheSendingOfARenewalUntilTheDeadline) {
  expect<LeaseState::Get>(kStart);
  state.on_absent(kStart);
  const auto create = expect<LeaseState::Create>(kStart);
  stored(kStart + 3s, create.record, "1");
  EXPECT_EQ(state.standing(kStart + 10s - 1ns), Standing::kHeld);
  EXPECT_EQ(state.standing(kStart + 10s), Standing::kUncertain);
  EXPECT_EQ(state.held_until(), kStart + 10s);
}

TEST_F(LeaseStateTest, RenewalsFollowEachOtherWithoutLooking) {
  hold(kStart);
  EXPECT_EQ(expect<LeaseState::Wait>(kStart).until, kStart + 2s);
  expect<LeaseState::Wait>(kStart + 2s - 1ns);
  const auto renewal = expect<LeaseState::Replace>(kStart + 2s);
  EXPECT_EQ(renewal.record.resource_version, "1");
  EXPECT_EQ(renewal.record.transitions, 0);
  stored(kStart + 2s, renewal.record, "2");
  EXPECT_EQ(state.held_until(), kStart + 12s);
}

TEST_F(LeaseStateTest, AnothersLeaseIsTakenWhenItHasNotChangedForItsDuration) {
  expect<LeaseState::Get>(kStart);
  state.on_record(kStart, record("other", 3, "7"));
  Time now = kStart;
  while (now + 2s < kStart + 15s) {
    EXPECT_EQ(expect<LeaseState::Wait>(now).until, now + 2s);
    now += 2s;
    expect<LeaseState::Get>(now);
    state.on_record(now, record("other", 3, "7"));
  }
  EXPECT_EQ(expect<LeaseState::Wait>(now).until, kStart + 15s);
  expect<LeaseState::Get>(kStart + 15s);
  state.on_record(kStart + 15s, record("other", 3, "7"));
  const auto taken = expect<LeaseState::Replace>(kStart + 15s);
  EXPECT_EQ(taken.record.holder, "me");
  EXPECT_EQ(taken.record.transitions, 4);
  EXPECT_EQ(taken.record.resource_version, "7");
  stored(kStart + 15s, taken.record, "8");
  EXPECT_EQ(state.standing(kStart + 15s), Standing::kHeld);
}

TEST_F(LeaseStateTest, OneNanosecondBeforeItsEndAnothersLeaseIsLeftAlone) {
  expect<LeaseState::Get>(kStart);
  state.on_record(kStart, record("other", 3, "7"));
  expect<LeaseState::Get>(kStart + 15s - 1ns);
  state.on_record(kStart + 15s - 1ns, record("other", 3, "7"));
  EXPECT_EQ(expect<LeaseState::Wait>(kStart + 15s - 1ns).until, kStart + 15s);
}

TEST_F(LeaseStateTest, AChangeOfTheRecordStartsTheDurationAgain) {
  expect<LeaseState::Get>(kStart);
  state.on_record(kStart, record("other", 3, "7"));
  expect<LeaseState::Get>(kStart + 14s);
  state.on_record(kStart + 14s, record("other", 3, "8"));
  expect<LeaseState::Get>(kStart + 20s);
  state.on_record(kStart + 20s, record("other", 3, "8"));
  EXPECT_EQ(expect<LeaseState::Wait>(kStart + 20s).until, kStart + 22s);
  expect<LeaseState::Get>(kStart + 29s);
  state.on_record(kStart + 29s, record("other", 3, "8"));
  expect<LeaseState::Replace>(kStart + 29s);
}

TEST_F(LeaseStateTest, TheDurationIsTheHoldersWhereItNamesOne) {
  auto others = record("other", 0, "7");
  others.duration = 60s;
  expect<LeaseState::Get>(kStart);
  state.on_record(kStart, others);
  expect<LeaseState::Get>(kStart + 59s);
  state.on_record(kStart + 59s, others);
  EXPECT_EQ(expect<LeaseState::Wait>(kStart + 59s).until, kStart + 60s);
  others.duration = 0s;
  others.resource_version = "8";
  expect<LeaseState::Get>(kStart + 60s);
  state.on_record(kStart + 60s, others);
  expect<LeaseState::Get>(kStart + 75s);
  state.on_record(kStart + 75s, others);
  expect<LeaseState::Replace>(kStart + 75s);
}

TEST_F(LeaseStateTest, AReleasedLeaseAndOneOfAnEndedHolderAreTakenAtOnce) {
  for (const char* holder : {"", "dead"}) {
    auto own = lease_options();
    own.ended_holders = {"dead"};
    state = LeaseState(own);
    expect<LeaseState::Get>(kStart);
    state.on_record(kStart, record(holder, 3, "7"));
    EXPECT_EQ(expect<LeaseState::Replace>(kStart).record.transitions, 4) << holder;
  }
}

TEST_F(LeaseStateTest, AnotherHolderEndsItForGood) {
  hold(kStart);
  expect<LeaseState::Replace>(kStart + 2s);
  state.on_conflict(kStart + 2s);
  expect<LeaseState::Get>(kStart + 2s);
  EXPECT_EQ(state.standing(kStart + 2s), Standing::kHeld);
  state.on_record(kStart + 2s, record("other", 1, "9"));
  EXPECT_EQ(state.standing(kStart + 2s), Standing::kLost);
  EXPECT_FALSE(state.held_until());
  expect<LeaseState::Over>(kStart + 2s);
  expect<LeaseState::Over>(kStart + 1h);
}

TEST_F(LeaseStateTest, ALaterTransitionEndsItEvenIfNobodyHoldsItNow) {
  hold(kStart);
  expect<LeaseState::Replace>(kStart + 2s);
  state.on_failed(kStart + 7s);
  expect<LeaseState::Get>(kStart + 20s);
  state.on_record(kStart + 20s, record("", 1, "9"));
  EXPECT_EQ(state.standing(kStart + 20s), Standing::kLost);
}

TEST_F(LeaseStateTest, UncertainBecomesHeldAgainIfNobodyElseHadIt) {
  hold(kStart);
  expect<LeaseState::Replace>(kStart + 2s);
  state.on_failed(kStart + 7s);
  EXPECT_EQ(expect<LeaseState::Wait>(kStart + 7s).until, kStart + 9s);
  expect<LeaseState::Get>(kStart + 9s);
  state.on_failed(kStart + 10s);
  EXPECT_EQ(state.standing(kStart + 10s), Standing::kUncertain);
  expect<LeaseState::Get>(kStart + 1h);
  // The renewal whose reply was lost took place.
  state.on_record(kStart + 1h, record("me", 0, "2"));
  EXPECT_EQ(state.standing(kStart + 1h), Standing::kUncertain);
  const auto renewal = expect<LeaseState::Replace>(kStart + 1h);
  EXPECT_EQ(renewal.record.resource_version, "2");
  EXPECT_EQ(renewal.record.transitions, 0);
  stored(kStart + 1h + 1s, renewal.record, "3");
  EXPECT_EQ(state.standing(kStart + 1h + 1s), Standing::kHeld);
  EXPECT_EQ(state.held_until(), kStart + 1h + 10s);
}

TEST_F(LeaseStateTest, ALostReplyOfTheTakeoverIsNotHeldBeforeItIsConfirmed) {
  expect<LeaseState::Get>(kStart);
  state.on_record(kStart, record("", 3, "7"));
  expect<LeaseState::Replace>(kStart);
  state.on_failed(kStart + 5s);
  EXPECT_EQ(state.standing(kStart + 5s), Standing::kWaiting);
  expect<LeaseState::Get>(kStart + 7s);
  state.on_record(kStart + 7s, record("me", 4, "8"));
  EXPECT_EQ(state.standing(kStart + 7s), Standing::kWaiting);
  const auto renewal = expect<LeaseState::Replace>(kStart + 7s);
  EXPECT_EQ(renewal.record.transitions, 4);
  EXPECT_EQ(renewal.record.acquire_time, "2025-12-31T00:00:00.000000Z");
  stored(kStart + 7s, renewal.record, "9");
  EXPECT_EQ(state.standing(kStart + 7s), Standing::kHeld);
}

TEST_F(LeaseStateTest, ALeaseEmptiedByHandIsTakenAgain) {
  hold(kStart);
  expect<LeaseState::Replace>(kStart + 2s);
  state.on_conflict(kStart + 2s);
  expect<LeaseState::Get>(kStart + 2s);
  state.on_record(kStart + 2s, record("", 0, "5"));
  expect<LeaseState::Replace>(kStart + 2s);
  state.on_failed(kStart + 3s);  // it took place
  expect<LeaseState::Get>(kStart + 5s);
  state.on_record(kStart + 5s, record("me", 1, "6"));
  EXPECT_EQ(state.standing(kStart + 5s), Standing::kHeld);
  expect<LeaseState::Replace>(kStart + 5s);
}

TEST_F(LeaseStateTest, ADeletedLeaseIsMadeAgain) {
  hold(kStart);
  expect<LeaseState::Replace>(kStart + 2s);
  state.on_failed(kStart + 2s);
  expect<LeaseState::Get>(kStart + 4s);
  state.on_absent(kStart + 4s);
  const auto create = expect<LeaseState::Create>(kStart + 4s);
  EXPECT_EQ(create.record.resource_version, "");
  stored(kStart + 4s, create.record, "20");
  EXPECT_EQ(state.standing(kStart + 4s), Standing::kHeld);
}

TEST_F(LeaseStateTest, ASecondConflictInARowWaits) {
  expect<LeaseState::Get>(kStart);
  state.on_absent(kStart);
  expect<LeaseState::Create>(kStart);
  state.on_conflict(kStart);
  expect<LeaseState::Get>(kStart);
  state.on_record(kStart, record("", 0, "1"));
  expect<LeaseState::Replace>(kStart);
  state.on_conflict(kStart);
  EXPECT_EQ(expect<LeaseState::Wait>(kStart).until, kStart + 2s);
}

TEST_F(LeaseStateTest, AStopGivesItBack) {
  hold(kStart);
  state.stop(kStart + 1s);
  EXPECT_EQ(state.standing(kStart + 1s), Standing::kGivenUp);
  const auto release = expect<LeaseState::Replace>(kStart + 1s);
  EXPECT_EQ(release.record.holder, "");
  EXPECT_EQ(release.record.duration, 1s);
  EXPECT_EQ(release.record.transitions, 0);
  EXPECT_EQ(release.record.resource_version, "1");
  stored(kStart + 1s, release.record, "2");
  expect<LeaseState::Over>(kStart + 1s);
}

TEST_F(LeaseStateTest, AStopWithAReplyLostLooksFirst) {
  hold(kStart);
  expect<LeaseState::Replace>(kStart + 2s);
  state.stop(kStart + 3s);
  state.on_failed(kStart + 3s);
  EXPECT_EQ(expect<LeaseState::Wait>(kStart + 3s).until, kStart + 5s);
  expect<LeaseState::Get>(kStart + 5s);
  state.on_record(kStart + 5s, record("me", 0, "2"));
  EXPECT_EQ(expect<LeaseState::Replace>(kStart + 5s).record.holder, "");
  state.on_failed(kStart + 6s);
  EXPECT_EQ(expect<LeaseState::Wait>(kStart + 6s).until, kStart + 8s);
  expect<LeaseState::Wait>(kStart + 8s - 1ns);
  expect<LeaseState::Over>(kStart + 8s);
}

TEST_F(LeaseStateTest, AStopInTheMiddleOfATakeoverGivesBackWhatItMayHaveGot) {
  expect<LeaseState::Get>(kStart);
  state.on_record(kStart, record("", 0, "1"));
  const auto taken = expect<LeaseState::Replace>(kStart);
  state.stop(kStart + 1s);
  stored(kStart + 1s, taken.record, "2");
  EXPECT_EQ(state.standing(kStart + 1s), Standing::kGivenUp);
  EXPECT_EQ(expect<LeaseState::Replace>(kStart + 1s).record.holder, "");
}

TEST_F(LeaseStateTest, AStopWithoutALeaseIsOverAtOnce) {
  expect<LeaseState::Get>(kStart);
  state.on_record(kStart, record("other", 3, "7"));
  state.stop(kStart);
  expect<LeaseState::Over>(kStart);
}

TEST_F(LeaseStateTest, NobodyElsesLeaseIsGivenBack) {
  hold(kStart);
  expect<LeaseState::Replace>(kStart + 2s);
  state.on_conflict(kStart + 2s);
  state.stop(kStart + 2s);
  expect<LeaseState::Get>(kStart + 2s);
  state.on_record(kStart + 2s, record("other", 1, "9"));
  expect<LeaseState::Over>(kStart + 2s);
}

TEST_F(LeaseStateTest, JitterIsAPartOfTheRetryPeriod) {
  auto own = lease_options();
  own.random = [] { return 0.5; };
  state = LeaseState(own);
  expect<LeaseState::Get>(kStart);
  state.on_failed(kStart);
  EXPECT_EQ(expect<LeaseState::Wait>(kStart).until, kStart + 2s + 200ms);
}

TEST_F(LeaseStateTest, BehindTheHighestTransitionTheCountBeginsAnew) {
  expect<LeaseState::Get>(kStart);
  state.on_record(kStart, record("", 2147483647, "1"));
  const auto taken = expect<LeaseState::Replace>(kStart);
  EXPECT_EQ(taken.record.transitions, 0);
  stored(kStart, taken.record, "2");
  EXPECT_EQ(state.standing(kStart), Standing::kHeld);
}

TEST(LeaseOptions, Rules) {
  EXPECT_TRUE(check_lease_options(lease_options()).ok());
  const auto refused = [](const std::function<void(LeaseOptions&)>& change) {
    auto changed = lease_options();
    change(changed);
    return !check_lease_options(changed).ok();
  };
  EXPECT_TRUE(refused([](LeaseOptions& o) { o.identity = ""; }));
  EXPECT_TRUE(refused([](LeaseOptions& o) { o.renew_deadline = 15s; }));
  EXPECT_FALSE(refused([](LeaseOptions& o) { o.renew_deadline = 15s - 1ns; }));
  EXPECT_TRUE(refused([](LeaseOptions& o) { o.lease_duration = 15s + 1ms; }));
  EXPECT_TRUE(refused([](LeaseOptions& o) { o.retry_period = 9s; }));
  EXPECT_TRUE(refused([](LeaseOptions& o) { o.retry_period = 0s; }));
  EXPECT_TRUE(refused([](LeaseOptions& o) { o.jitter = -0.1; }));
}

}  // namespace
}  // namespace parallelrun::kube
