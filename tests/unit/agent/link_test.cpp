// The agent's side of the protocol in virtual time: whatever is lost on the way, each result is acknowledged
// once, and nothing is sent twice at a time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runner/agent/orchestrator_link.h"

namespace parallelrun::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

// A network that a test moves: requests wait until they are answered, lost, or over their time.
class Network : public LinkTransport {
 public:
  struct Request {
    std::string path;
    std::string body;
    Time deadline{};
    Done done;
  };

  void post(Lane lane, const std::string& path, std::string body, milliseconds timeout, Done done) override {
    ASSERT_FALSE(in_flight.count(lane)) << "a second request on a lane: " << path;
    in_flight[lane] = {path, std::move(body), now + timeout, std::move(done)};
    ++sent[path];
  }
  void cancel(Lane lane) override { in_flight.erase(lane); }
  void wake(Time when, std::function<void(Time)> then) override { timer = {when, std::move(then)}; }

  void answer(Lane lane, Result<Answer> answer) {
    ASSERT_TRUE(in_flight.count(lane));
    const Request request = std::move(in_flight[lane]);
    in_flight.erase(lane);
    request.done(std::move(answer), now);
  }
  void accept(Lane lane, std::string body) { answer(lane, Answer{200, std::move(body)}); }

  bool waits(Lane lane, const std::string& path) const {
    const auto request = in_flight.find(lane);
    return request != in_flight.end() && request->second.path == path;
  }
  ReportRequest report() const { return *decode_report_request(in_flight.at(Lane::kReport).body); }

  std::map<Lane, Request> in_flight;
  std::map<std::string, int> sent;
  std::optional<std::pair<Time, std::function<void(Time)>>> timer;
  Time now{std::chrono::hours(1)};
};

class User : public LinkUser {
 public:
  bool on_registered(const RegisterReply& reply) override {
    sessions.push_back(reply.session);
    return true;
  }
  void on_session_ended(std::uint64_t session) override { ended.push_back(session); }
  void on_contact(Time) override {}
  void on_lease_reply(LeaseReply reply) override { leases += reply.leases.size(); }
  void on_directive(Directive directive) override { last = directive; }
  std::uint32_t want() const override { return wanted; }
  void fill_counts(ReportRequest&) override {}
  bool counts_are_news() const override { return news; }
  bool results_are_urgent() const override { return urgent; }
  bool finished() const override { return done; }
  void on_left() override { left = true; }
  void on_hopeless(std::string why) override { hopeless = std::move(why); }

  std::vector<std::uint64_t> sessions;
  std::vector<std::uint64_t> ended;
  std::size_t leases = 0;
  Directive last = Directive::kRun;
  std::uint32_t wanted = 0;
  bool urgent = true;
  bool news = false;
  bool done = false;
  bool left = false;
  std::string hopeless;
};

class LinkTest : public testing::Test {
 protected:
  using Lane = LinkTransport::Lane;

  LinkTest() {
    link_.start(network_.now);
    register_as(1);
    network_.accept(Lane::kReport, encode(ReportReply{}));  // the first one says that the agent is there
  }

  void register_as(std::uint64_t session) {
    ASSERT_TRUE(network_.waits(Lane::kReport, "/v1/register"));
    RegisterReply reply;
    reply.session = session;
    reply.session_timeout = seconds(10);
    network_.accept(Lane::kReport, encode(reply));
  }

  void finish(std::uint64_t attempt) {
    AttemptResult result;
    result.attempt = attempt;
    result.rows = "row\n";
    outbox_.add(std::move(result));
    link_.pump(network_.now);
  }

  // As the agent's tick and the network's timers do.
  void pass(Duration duration) {
    const Time end = network_.now + duration;
    while (network_.now < end) {
      network_.now += milliseconds(50);
      if (network_.timer && network_.now >= network_.timer->first) {
        const auto timer = std::exchange(network_.timer, std::nullopt);
        timer->second(network_.now);
      }
      for (const Lane lane : {Lane::kReport, Lane::kLease}) {
        const auto request = network_.in_flight.find(lane);
        if (request != network_.in_flight.end() && network_.now >= request->second.deadline) {
          network_.answer(lane, Error{ErrorCode::kUnavailable, "no reply from it", true});
        }
      }
      link_.pump(network_.now);
    }
  }

  std::vector<std::uint64_t> reported() const {
    std::vector<std::uint64_t> out;
    for (const AttemptResult& result : network_.report().results) out.push_back(result.attempt);
    return out;
  }

  Network network_;
  User user_;
  Outbox outbox_;
  LogStreams logs_;
  OrchestratorLink link_{OrchestratorLink::Options{}, network_, outbox_, logs_, user_};
};

TEST_F(LinkTest, AReportThatGotNoAnswerIsSentAgainUntilItHasOne) {
  finish(1);
  ASSERT_THAT(reported(), ElementsAre(1));
  const std::string body = network_.in_flight.at(Lane::kReport).body;
  finish(2);
  pass(seconds(8));  // the orchestrator stands still: at least two requests run out of their time
  EXPECT_GE(network_.sent["/v1/report"], 3);
  EXPECT_EQ(network_.in_flight.at(Lane::kReport).body, body) << "the same again, with the same number";
  EXPECT_EQ(outbox_.unacknowledged_results(), 2u);
  network_.accept(Lane::kReport, encode(ReportReply{}));
  EXPECT_EQ(outbox_.unacknowledged_results(), 1u);
  ASSERT_THAT(reported(), ElementsAre(2)) << "what came meanwhile follows";
  network_.accept(Lane::kReport, encode(ReportReply{}));
  EXPECT_EQ(outbox_.unacknowledged_results(), 0u);
}

TEST_F(LinkTest, ALeaseRequestThatGotNoAnswerIsSentAgainWithItsNumber) {
  user_.wanted = 5;
  link_.pump(network_.now);
  const std::string body = network_.in_flight.at(Lane::kLease).body;
  user_.wanted = 3;
  pass(seconds(25));
  EXPECT_EQ(network_.sent["/v1/lease"], 2);
  EXPECT_EQ(network_.in_flight.at(Lane::kLease).body, body);
  LeaseReply reply;
  reply.leases.resize(2);
  network_.accept(Lane::kLease, encode(reply));
  EXPECT_EQ(user_.leases, 2u);
  EXPECT_NE(network_.in_flight.at(Lane::kLease).body, body);
}

TEST_F(LinkTest, ANewSessionGetsWhatTheOldOneDidNotAcknowledgeFirst) {
  finish(1);
  finish(2);
  ASSERT_THAT(reported(), ElementsAre(1));
  network_.answer(Lane::kReport, LinkTransport::Answer{409, "the session has ended"});
  EXPECT_THAT(user_.ended, ElementsAre(1u));
  link_.pump(network_.now);
  register_as(2);
  EXPECT_THAT(user_.sessions, ElementsAre(1u, 2u));
  ASSERT_THAT(reported(), ElementsAre(1, 2));
  EXPECT_EQ(network_.report().session, 2u);
  network_.accept(Lane::kReport, encode(ReportReply{}));
  EXPECT_EQ(outbox_.unacknowledged_results(), 0u);
}

TEST_F(LinkTest, AnAnswerOfAnEndedSessionIsNotHeard) {
  user_.wanted = 1;
  link_.pump(network_.now);
  const auto late = network_.in_flight.at(Lane::kLease).done;
  finish(1);
  network_.answer(Lane::kReport, LinkTransport::Answer{409, ""});
  EXPECT_FALSE(network_.in_flight.count(Lane::kLease)) << "cancelled with its session";
  LeaseReply reply;
  reply.leases.resize(1);
  late(LinkTransport::Answer{200, encode(reply)}, network_.now);
  EXPECT_EQ(user_.leases, 0u);
}

TEST_F(LinkTest, SilenceBeyondItsPatienceEndsTheAgentWithTheLastTrouble) {
  pass(seconds(599));
  EXPECT_EQ(user_.hopeless, "");
  pass(seconds(5));
  EXPECT_THAT(user_.hopeless, HasSubstr("the orchestrator did not answer for 600 s: no reply from it"));
  EXPECT_FALSE(user_.left);
}

TEST_F(LinkTest, LeavesOnceTheLastReportIsAcknowledged) {
  finish(1);
  user_.done = true;
  network_.accept(Lane::kReport, encode(ReportReply{}));
  ASSERT_TRUE(network_.report().leaving);
  EXPECT_FALSE(user_.left);
  pass(seconds(4));  // lost once
  network_.accept(Lane::kReport, encode(ReportReply{}));
  EXPECT_TRUE(user_.left);
}

TEST_F(LinkTest, NewsAreToldSoonByAReportOfTheirOwn) {
  const int before = network_.sent["/v1/report"];
  pass(milliseconds(150));
  EXPECT_EQ(network_.sent["/v1/report"], before);
  user_.news = true;
  pass(milliseconds(50));  // a tenth of the heartbeat after the last one
  EXPECT_EQ(network_.sent["/v1/report"], before + 1);
  EXPECT_TRUE(network_.report().results.empty());
}

}  // namespace
}  // namespace parallelrun::agent
