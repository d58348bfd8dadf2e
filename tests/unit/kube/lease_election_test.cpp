#include "common/kube/lease_election.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <thread>

namespace parallelrun::kube {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using Standing = LeaseStanding;

// Long enough for the slowest machine; nothing waits for it to pass.
constexpr auto kPatience = 60s;

// The part of an API server that a Lease needs: one object with optimistic concurrency. It can be made to
// fail.
class LeaseServer final : public Transport {
 public:
  std::atomic<bool> down = false;       // every request fails
  std::atomic<bool> lose_next = false;  // the next write takes place, its answer is lost
  std::atomic<bool> hangs = false;      // requests last as long as they may

  ApiResult<Response> send(const Request& request, const std::stop_token& stop) override {
    if (hangs) {
      std::unique_lock lock(mutex_);
      std::condition_variable_any().wait_for(lock, stop, request.timeout, [] { return false; });
      return unreachable();
    }
    if (down) return unreachable();
    const std::lock_guard lock(mutex_);
    const bool write = request.method != "GET";
    if (write && !accept(request))
      return Response{409, "", R"({"kind":"Status","reason":")" + refusal_ + "\"}"};
    if (!lease_) return Response{404, "", "{}"};
    if (write && lose_next.exchange(false)) return unreachable();
    return Response{write ? 201 : 200, "", lease_->dump()};
  }
  ApiResult<Response> stream(const Request&, const LineSink&, const std::stop_token&) override {
    return unreachable();
  }

  json lease() const {
    const std::lock_guard lock(mutex_);
    return lease_.value_or(json());
  }
  void edit(const std::function<void(json&)>& change) {
    const std::lock_guard lock(mutex_);
    change(*lease_);
    (*lease_)["metadata"]["resourceVersion"] = std::to_string(++version_);
  }

 private:
  static ApiError unreachable() {
    return {ApiFailure::kUnreachable, 0, "", "connection reset", std::nullopt};
  }
  bool accept(const Request& request) {
    json body = json::parse(request.body);
    if (request.method == "POST") {
      refusal_ = "AlreadyExists";
      if (lease_) return false;
    } else {
      refusal_ = "Conflict";
      if (!lease_ || body["metadata"]["resourceVersion"] != (*lease_)["metadata"]["resourceVersion"])
        return false;
    }
    body["metadata"]["resourceVersion"] = std::to_string(++version_);
    lease_ = std::move(body);
    return true;
  }

  mutable std::mutex mutex_;
  std::optional<json> lease_;
  std::string refusal_;
  int version_ = 0;
};

LeaseOptions options(const std::string& identity) {
  LeaseOptions result;
  result.identity = identity;
  // No machine is so slow that these are over by mistake.
  result.lease_duration = 1h;
  result.renew_deadline = 30min;
  result.retry_period = 50ms;
  result.release_limit = 100ms;
  return result;
}

LeaseTarget target() {
  LeaseTarget result{"ours", "job-orchestrator", "test", {{"parallelrun.dev/job", "job"}}, json::array()};
  result.owner_references.push_back({{"kind", "ParallelRunJob"}, {"name", "job"}, {"uid", "u1"}});
  return result;
}

class Contender {
 public:
  Contender(Transport& transport, LeaseOptions options)
      : election_(transport, target(), std::move(options), [this](Standing standing) { note(standing); }),
        thread_([this](const std::stop_token& stop) { election_.run(stop); }) {}

  bool reaches(Standing wanted) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return last_ == wanted; });
  }
  void stop() {
    thread_.request_stop();
    thread_.join();
  }
  void join() { thread_.join(); }
  std::vector<Standing> seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }
  const LeaseElection& election() const { return election_; }

 private:
  void note(Standing standing) {
    const std::lock_guard lock(mutex_);
    last_ = standing;
    seen_.push_back(standing);
    changed_.notify_all();
  }
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Standing last_ = Standing::kWaiting;
  std::vector<Standing> seen_;
  LeaseElection election_;
  std::jthread thread_;
};

TEST(LeaseElection, CreatesItWithLabelsAndOwnerAndGivesItBack) {
  LeaseServer server;
  Contender contender(server, options("a"));
  ASSERT_TRUE(contender.reaches(Standing::kHeld));
  EXPECT_EQ(contender.election().standing(), Standing::kHeld);
  const json held = server.lease();
  EXPECT_EQ(held["metadata"]["labels"]["parallelrun.dev/job"], "job");
  EXPECT_EQ(held["metadata"]["ownerReferences"][0]["uid"], "u1");
  EXPECT_EQ(held["spec"]["holderIdentity"], "a");
  EXPECT_EQ(held["spec"]["leaseDurationSeconds"], 3600);
  EXPECT_TRUE(parse_rfc3339(held["spec"]["renewTime"].get<std::string>()));
  contender.stop();
  EXPECT_EQ(contender.seen(), (std::vector{Standing::kHeld, Standing::kGivenUp}));
  EXPECT_FALSE(server.lease()["spec"].contains("holderIdentity"));
}

TEST(LeaseElection, ASuccessorOfOneThatGaveUpStartsAtOnce) {
  LeaseServer server;
  Contender first(server, options("a"));
  ASSERT_TRUE(first.reaches(Standing::kHeld));
  first.stop();
  Contender second(server, options("b"));
  ASSERT_TRUE(second.reaches(Standing::kHeld));
  EXPECT_EQ(server.lease()["spec"]["leaseTransitions"], 1);
}

TEST(LeaseElection, AnEndedHolderIsNotWaitedFor) {
  LeaseServer server;
  {
    Contender first(server, options("a"));
    ASSERT_TRUE(first.reaches(Standing::kHeld));
    server.down = true;  // so that it cannot give it back
  }
  server.down = false;
  ASSERT_EQ(server.lease()["spec"]["holderIdentity"], "a");
  LeaseOptions next = options("b");
  next.ended_holders = {"a"};
  Contender second(server, next);
  EXPECT_TRUE(second.reaches(Standing::kHeld));
}

TEST(LeaseElection, OneThatDiedIsWaitedForAndFollowed) {
  LeaseServer server;
  LeaseOptions own = options("a");
  own.lease_duration = 1s;
  own.renew_deadline = 500ms;
  {
    Contender first(server, own);
    ASSERT_TRUE(first.reaches(Standing::kHeld));
    server.down = true;
  }
  server.down = false;
  const auto began = std::chrono::steady_clock::now();
  own.identity = "b";
  Contender second(server, own);
  ASSERT_TRUE(second.reaches(Standing::kHeld));
  EXPECT_GE(std::chrono::steady_clock::now() - began, 1s);
  EXPECT_EQ(server.lease()["spec"]["leaseTransitions"], 1);
}

TEST(LeaseElection, TheOneThatSeesAnotherHolderLosesIt) {
  LeaseServer server;
  Contender first(server, options("a"));
  ASSERT_TRUE(first.reaches(Standing::kHeld));
  server.edit([](json& lease) { lease["spec"]["holderIdentity"] = "b"; });
  ASSERT_TRUE(first.reaches(Standing::kLost));
  first.join();  // it ends by itself
  EXPECT_EQ(server.lease()["spec"]["holderIdentity"], "b");
  EXPECT_EQ(first.election().holder(), "b");
}

TEST(LeaseElection, WithoutAServerItIsUncertainAndThenHeldAgain) {
  LeaseServer server;
  LeaseOptions own = options("a");
  own.renew_deadline = 1s;
  Contender contender(server, own);
  ASSERT_TRUE(contender.reaches(Standing::kHeld));
  server.down = true;
  ASSERT_TRUE(contender.reaches(Standing::kUncertain));
  ASSERT_TRUE(contender.election().last_error());
  EXPECT_EQ(contender.election().last_error()->message, "connection reset");
  server.down = false;
  ASSERT_TRUE(contender.reaches(Standing::kHeld));
  EXPECT_FALSE(contender.election().last_error());
}

TEST(LeaseElection, UncertainIsToldInTimeThoughARequestHangs) {
  LeaseServer server;
  LeaseOptions own = options("a");
  own.renew_deadline = 1s;
  Contender contender(server, own);
  ASSERT_TRUE(contender.reaches(Standing::kHeld));
  server.hangs = true;
  EXPECT_TRUE(contender.reaches(Standing::kUncertain));
  contender.stop();
}

TEST(LeaseElection, ALostAnswerCostsNothing) {
  LeaseServer server;
  server.lose_next = true;
  Contender contender(server, options("a"));
  ASSERT_TRUE(contender.reaches(Standing::kHeld));
  server.lose_next = true;
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (server.lose_next && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(10ms);
  std::this_thread::sleep_for(300ms);
  EXPECT_EQ(contender.seen(), std::vector{Standing::kHeld});
  EXPECT_EQ(server.lease()["spec"]["leaseTransitions"], 0);
}

TEST(LeaseElection, WhatOthersWroteInTheLeaseStays) {
  LeaseServer server;
  Contender contender(server, options("a"));
  ASSERT_TRUE(contender.reaches(Standing::kHeld));
  server.edit([](json& lease) {
    lease["metadata"]["annotations"]["note"] = "kept";
    lease["spec"]["strategy"] = "x";
  });
  const std::string version = server.lease()["metadata"]["resourceVersion"];
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (server.lease()["metadata"]["resourceVersion"] == version && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_EQ(server.lease()["metadata"]["annotations"]["note"], "kept");
  EXPECT_EQ(server.lease()["spec"]["strategy"], "x");
}

TEST(LeaseElection, NumbersThatNoLeaseHasBecomeTheNearest) {
  const auto record_of = [](const json& duration, const json& transitions) {
    return lease_record({{"spec", {{"leaseDurationSeconds", duration}, {"leaseTransitions", transitions}}}});
  };
  // More seconds than a clock of nanoseconds holds.
  EXPECT_EQ(record_of(INT64_MAX, 5'000'000'000).duration, std::chrono::seconds(2147483647));
  EXPECT_EQ(record_of(INT64_MAX, 5'000'000'000).transitions, 2147483647);
  EXPECT_EQ(record_of(-15, -1), record_of(0, 0));
  EXPECT_EQ(record_of(15, 3).duration, std::chrono::seconds(15));
}

TEST(LeaseElection, ContradictionsAreRefused) {
  LeaseServer server;
  LeaseOptions odd = options("a");
  odd.renew_deadline = 1h;
  EXPECT_THROW(LeaseElection(server, target(), odd, {}), std::invalid_argument);
}

}  // namespace
}  // namespace parallelrun::kube
