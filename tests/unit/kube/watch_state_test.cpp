#include "common/kube/watch_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "start_time.h"

namespace parallelrun::kube {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using Kind = CacheChange::Kind;

json pod(const std::string& name, const std::string& version, const std::string& uid = "") {
  return {{"metadata",
           {{"namespace", "ns"},
            {"name", name},
            {"uid", uid.empty() ? "uid-" + name : uid},
            {"resourceVersion", version}}}};
}

json page(const std::string& version, json items, const std::string& more = "") {
  json metadata = {{"resourceVersion", version}};
  if (!more.empty()) metadata["continue"] = more;
  return {{"metadata", metadata}, {"items", std::move(items)}};
}

std::string event(const std::string& type, const json& object) {
  return json{{"type", type}, {"object", object}}.dump();
}

std::string gone() {
  return event("ERROR", {{"kind", "Status"}, {"code", 410}, {"reason", "Expired"}, {"message", "too old"}});
}

ApiError failure(ApiFailure kind, std::optional<std::chrono::seconds> retry_after = std::nullopt) {
  ApiError error;
  error.failure = kind;
  error.retry_after = retry_after;
  return error;
}

std::vector<std::pair<Kind, std::string>> brief(const std::vector<CacheChange>& changes) {
  std::vector<std::pair<Kind, std::string>> result;
  for (const auto& change : changes) result.emplace_back(change.kind, change.key.name);
  return result;
}

class WatchStateTest : public ::testing::Test {
 protected:
  WatchState make() {
    WatchState::Options options;
    options.random = [this] { return random_; };
    return WatchState(std::move(options));
  }
  // Listed at version 10 with pods a and b, and watching.
  WatchState watching() {
    WatchState state = make();
    EXPECT_TRUE(std::holds_alternative<WatchState::List>(state.next(kStart)));
    state.on_page(kStart, page("10", {pod("a", "1"), pod("b", "2")}));
    EXPECT_TRUE(std::holds_alternative<WatchState::Watch>(state.next(kStart)));
    return state;
  }
  static std::string watched_from(WatchState& state, Time now) {
    const auto action = state.next(now);
    const auto* watch = std::get_if<WatchState::Watch>(&action);
    return watch ? watch->resource_version : "no watch";
  }
  static bool lists(WatchState& state, Time now) {
    return std::holds_alternative<WatchState::List>(state.next(now));
  }
  static Time wait_of(WatchState& state, Time now) {
    const auto action = state.next(now);
    const auto* wait = std::get_if<WatchState::Wait>(&action);
    return wait ? wait->until : Time{};
  }

  double random_ = 0;
};

TEST_F(WatchStateTest, PagesArriveAsOneChange) {
  WatchState state = make();
  EXPECT_EQ(std::get<WatchState::List>(state.next(kStart)).continue_token, "");
  EXPECT_TRUE(state.on_page(kStart, page("10", {pod("a", "1")}, "more")).empty());
  EXPECT_FALSE(state.synced());
  EXPECT_TRUE(state.objects().empty());
  EXPECT_EQ(std::get<WatchState::List>(state.next(kStart)).continue_token, "more");
  EXPECT_EQ(state.on_page(kStart, page("10", {pod("b", "2")})).size(), 2U);
  EXPECT_TRUE(state.synced());
  EXPECT_EQ(watched_from(state, kStart), "10");
}

TEST_F(WatchStateTest, EmptyListOfGoIsNull) {
  WatchState state = make();
  (void)state.next(kStart);
  EXPECT_TRUE(state.on_page(kStart, page("10", nullptr)).empty());
  EXPECT_TRUE(state.synced());
}

TEST_F(WatchStateTest, WatchLastsBetweenFiveAndTenMinutes) {
  for (const auto& [random, expected] : {std::pair{0.0, 300s}, {0.5, 450s}, {0.999999, 599s}}) {
    random_ = random;
    WatchState state = make();
    (void)state.next(kStart);
    state.on_page(kStart, page("10", json::array()));
    EXPECT_EQ(std::get<WatchState::Watch>(state.next(kStart)).timeout, expected);
  }
}

TEST_F(WatchStateTest, EventsChangeTheCache) {
  WatchState state = watching();
  EXPECT_THAT(brief(state.on_line(kStart, event("ADDED", pod("c", "11"))).changes),
              ::testing::ElementsAre(std::pair(Kind::kAdded, "c")));
  const auto update = state.on_line(kStart, event("MODIFIED", pod("a", "12"))).changes;
  ASSERT_EQ(brief(update), (std::vector{std::pair(Kind::kUpdated, std::string("a"))}));
  EXPECT_EQ(update[0].before.unpack().at("metadata").at("resourceVersion"), "1");
  EXPECT_EQ(update[0].after.unpack().at("metadata").at("resourceVersion"), "12");
  EXPECT_THAT(brief(state.on_line(kStart, event("DELETED", pod("b", "13"))).changes),
              ::testing::ElementsAre(std::pair(Kind::kDeleted, "b")));
  EXPECT_TRUE(state.on_line(kStart, event("DELETED", pod("b", "13"))).changes.empty());
  EXPECT_EQ(state.resource_version(), "13");
  EXPECT_EQ(state.objects().size(), 2U);
}

TEST_F(WatchStateTest, WhatIsKnownAlreadyIsNoChange) {
  WatchState state = watching();
  EXPECT_TRUE(state.on_line(kStart, event("ADDED", pod("a", "1"))).changes.empty());
}

TEST_F(WatchStateTest, ReplacedObjectIsDeletedAndAdded) {
  WatchState state = watching();
  EXPECT_THAT(brief(state.on_line(kStart, event("MODIFIED", pod("a", "20", "other"))).changes),
              ::testing::ElementsAre(std::pair(Kind::kDeleted, "a"), std::pair(Kind::kAdded, "a")));
}

TEST_F(WatchStateTest, BookmarkMovesTheVersionOnly) {
  WatchState state = watching();
  const auto outcome = state.on_line(kStart, event("BOOKMARK", {{"metadata", {{"resourceVersion", "99"}}}}));
  EXPECT_TRUE(outcome.go_on);
  EXPECT_TRUE(outcome.changes.empty());
  state.on_watch_ended(kStart, std::nullopt);
  EXPECT_EQ(watched_from(state, kStart), "99");
}

TEST_F(WatchStateTest, GoneAsAnEventListsAtOnceAndDeletesWhatVanished) {
  WatchState state = watching();
  EXPECT_FALSE(state.on_line(kStart, gone()).go_on);
  state.on_watch_ended(kStart, std::nullopt);
  EXPECT_TRUE(lists(state, kStart));
  EXPECT_EQ(state.relists(), 1U);
  EXPECT_TRUE(state.on_page(kStart, page("30", {pod("b", "25")}, "more")).empty());
  EXPECT_EQ(state.objects().size(), 2U) << "a part of a list must not be seen";
  EXPECT_THAT(brief(state.on_page(kStart, page("30", {pod("c", "26")}))),
              ::testing::ElementsAre(std::pair(Kind::kDeleted, "a"), std::pair(Kind::kUpdated, "b"),
                                     std::pair(Kind::kAdded, "c")));
  EXPECT_EQ(watched_from(state, kStart), "30");
}

TEST_F(WatchStateTest, GoneAsAStatusListsAndTheSecondTimeWaits) {
  WatchState state = watching();
  state.on_watch_ended(kStart, failure(ApiFailure::kGone));
  ASSERT_TRUE(lists(state, kStart));
  state.on_page(kStart, page("30", json::array()));
  (void)state.next(kStart);
  state.on_watch_ended(kStart, failure(ApiFailure::kGone));
  EXPECT_EQ(wait_of(state, kStart), kStart + 800ms);
}

TEST_F(WatchStateTest, PassingFailuresWatchAgainWithoutAList) {
  for (const auto kind : {ApiFailure::kUnreachable, ApiFailure::kTooManyRequests, ApiFailure::kServer,
                          ApiFailure::kUnauthorized}) {
    WatchState state = watching();
    state.on_watch_ended(kStart, failure(kind));
    const Time due = kStart + 400ms;  // half of the first back-off, with the smallest random number
    EXPECT_EQ(wait_of(state, due - 1ns), due);
    EXPECT_EQ(watched_from(state, due), "10");
    EXPECT_EQ(state.relists(), 0U);
    state.on_watch_ended(due, failure(kind));
    EXPECT_EQ(wait_of(state, due), due + 800ms) << "twice as long after the second one";
  }
}

TEST_F(WatchStateTest, BackOffHasALimitAndEndsWithAnEvent) {
  WatchState state = watching();
  Time now = kStart;
  for (int i = 0; i < 20; ++i) {
    state.on_watch_ended(now, failure(ApiFailure::kUnreachable));
    now = wait_of(state, now);
    (void)state.next(now);
  }
  state.on_watch_ended(now, failure(ApiFailure::kUnreachable));
  EXPECT_EQ(wait_of(state, now), now + 15s);
  now += 15s;
  (void)state.next(now);
  EXPECT_TRUE(state.last_error(now).has_value());
  (void)state.on_line(now, event("ADDED", pod("c", "11")));
  EXPECT_FALSE(state.last_error(now).has_value());
  state.on_watch_ended(now, failure(ApiFailure::kUnreachable));
  EXPECT_EQ(wait_of(state, now), now + 400ms);
}

TEST_F(WatchStateTest, AnOpenWatchWithoutEventsEndsTheError) {
  WatchState state = watching();
  state.on_watch_ended(kStart, failure(ApiFailure::kUnreachable));
  const Time again = wait_of(state, kStart);
  EXPECT_EQ(watched_from(state, again), "10");
  EXPECT_TRUE(state.last_error(again + 1h)) << "not yet answered";
  state.on_watch_opened(again);
  EXPECT_TRUE(state.last_error(again + 1s - 1ns)) << "it may be closed at once";
  EXPECT_FALSE(state.last_error(again + 1s));
  state.on_watch_ended(again + 2s, std::nullopt);
  EXPECT_FALSE(state.last_error(again + 2s));
}

TEST_F(WatchStateTest, AnErrorThatEndsAnOpenWatchIsKept) {
  WatchState state = watching();
  state.on_watch_opened(kStart);
  const auto line = state.on_line(kStart + 2s, R"({"type":"ERROR","object":{"kind":"Status","code":500}})");
  EXPECT_FALSE(line.go_on);
  state.on_watch_ended(kStart + 2s, std::nullopt);
  EXPECT_TRUE(state.last_error(kStart + 2s));
}

TEST_F(WatchStateTest, AWatchThatIsOpenedAndLostAtOnceDoesNotEndTheError) {
  WatchState state = watching();
  state.on_watch_ended(kStart, failure(ApiFailure::kUnreachable));
  const Time again = wait_of(state, kStart);
  (void)state.next(again);
  state.on_watch_opened(again);
  state.on_watch_ended(again, failure(ApiFailure::kUnreachable));
  EXPECT_TRUE(state.last_error(again + 1h));
  EXPECT_EQ(wait_of(state, again), again + 800ms) << "it backs off further";
}

TEST_F(WatchStateTest, RetryAfterIsKept) {
  WatchState state = watching();
  state.on_watch_ended(kStart, failure(ApiFailure::kTooManyRequests, 7s));
  EXPECT_EQ(wait_of(state, kStart), kStart + 7s);
}

TEST_F(WatchStateTest, OrdinaryEndWatchesAgainAtOnceUnlessItCameAtOnce) {
  WatchState late = watching();
  late.on_watch_ended(kStart + 1s, std::nullopt);
  EXPECT_EQ(watched_from(late, kStart + 1s), "10");
  WatchState soon = watching();
  const Time end = kStart + 1s - 1ns;
  soon.on_watch_ended(end, std::nullopt);
  EXPECT_EQ(wait_of(soon, end), end + 400ms);
}

TEST_F(WatchStateTest, ServerThatWasRestoredIsListedAgain) {
  WatchState state = watching();
  state.on_watch_ended(kStart, failure(ApiFailure::kVersionTooLarge));
  EXPECT_TRUE(lists(state, kStart + 400ms));
}

TEST_F(WatchStateTest, NonsenseEndsTheWatchAndListsAgain) {
  for (const std::string& line : {std::string("{\"type\":\"ADDED\",\"obj"), std::string("[]"),
                                  std::string("{}"), event("ADDED", json::object()),
                                  event("ADDED", {{"metadata", 3}}), event("RENAMED", pod("a", "11"))}) {
    WatchState state = watching();
    EXPECT_FALSE(state.on_line(kStart, line).go_on) << line;
    state.on_watch_ended(kStart, std::nullopt);
    EXPECT_TRUE(lists(state, kStart + 400ms)) << line;
    EXPECT_EQ(state.objects().size(), 2U) << line;
  }
}

TEST_F(WatchStateTest, NonsenseListsAreAskedForAgain) {
  for (const json& body : {json(), json::array(), json::object(), page("", json::array()), page("1", 3),
                           page("1", {json::object()})}) {
    WatchState state = make();
    (void)state.next(kStart);
    EXPECT_TRUE(state.on_page(kStart, body).empty());
    EXPECT_FALSE(state.synced());
    EXPECT_EQ(wait_of(state, kStart), kStart + 400ms) << body;
  }
}

TEST_F(WatchStateTest, ExpiredContinueTokenStartsOverAndAPassingFailureDoesNot) {
  WatchState state = make();
  (void)state.next(kStart);
  state.on_page(kStart, page("10", {pod("a", "1")}, "more"));
  state.on_list_failed(kStart, failure(ApiFailure::kUnreachable));
  EXPECT_EQ(std::get<WatchState::List>(state.next(kStart + 400ms)).continue_token, "more");
  state.on_list_failed(kStart, failure(ApiFailure::kGone));
  EXPECT_EQ(std::get<WatchState::List>(state.next(kStart + 1h)).continue_token, "");
  EXPECT_TRUE(brief(state.on_page(kStart, page("12", json::array()))).empty())
      << "the first page counts no more";
}

TEST_F(WatchStateTest, TrimIsAppliedBeforeAnObjectIsKept) {
  WatchState::Options options;
  options.random = [] { return 0.0; };
  options.trim = [](json& body) { body.erase("spec"); };
  WatchState state(std::move(options));
  (void)state.next(kStart);
  json object = pod("a", "1");
  object["spec"] = "large";
  const auto changes = state.on_page(kStart, page("10", {object}));
  EXPECT_FALSE(changes.at(0).after.unpack().contains("spec"));
}

}  // namespace
}  // namespace parallelrun::kube
