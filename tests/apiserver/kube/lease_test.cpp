// Leases as a real server keeps them.
#include "api_server_fixture.h"
#include "common/kube/lease_election.h"

namespace parallelrun::kube {
namespace {

const Resource kLeases{"coordination.k8s.io", "v1", "leases"};

class LeaseTest : public ApiServerTest {
 protected:
  static LeaseOptions options(const std::string& identity) {
    LeaseOptions result;
    result.identity = identity;
    result.lease_duration = 600s;
    result.renew_deadline = 500s;
    result.retry_period = 100ms;
    return result;
  }
  LeaseTarget target() const {
    LeaseTarget result{
        name_space_, "job-orchestrator", "test", {{"parallelrun.dev/job", "job"}}, json::array()};
    result.owner_references.push_back({{"apiVersion", "parallelrun.dev/v1alpha1"},
                                       {"kind", "ParallelRunJob"},
                                       {"name", "job"},
                                       {"uid", "u1"},
                                       {"controller", true}});
    return result;
  }
  ApiResult<json> lease() { return client_->get(kLeases, {name_space_, "job-orchestrator", ""}, stop_); }

  // Runs an election until it is told to stop.
  struct Contender {
    Contender(Transport& transport, const LeaseTarget& target, const LeaseOptions& own)
        : election(transport, target, own, {}),
          thread([this](const std::stop_token& stop) { election.run(stop); }) {}
    bool reaches(LeaseStanding wanted) const {
      const auto end = std::chrono::steady_clock::now() + kPatience;
      while (election.standing() != wanted) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(10ms);
      }
      return true;
    }
    void stop() {
      thread.request_stop();
      thread.join();
    }
    LeaseElection election;
    std::jthread thread;
  };
};

TEST_F(LeaseTest, ItIsMadeRenewedAndHandedOn) {
  Contender first(*transport_, target(), options("a"));
  ASSERT_TRUE(first.reaches(LeaseStanding::kHeld));
  const auto made = lease();
  ASSERT_TRUE(made.ok()) << made.error().message;
  EXPECT_EQ(made->at("metadata").at("labels").at("parallelrun.dev/job"), "job");
  EXPECT_EQ(made->at("metadata").at("ownerReferences").at(0).at("uid"), "u1");
  EXPECT_EQ(lease_record(made.value()).holder, "a");
  Contender second(*transport_, target(), options("b"));
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (lease_record(lease().value()).renew_time == lease_record(made.value()).renew_time &&
         std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(20ms);
  }
  EXPECT_NE(lease_record(lease().value()).renew_time, lease_record(made.value()).renew_time);
  while (second.election.holder().empty() && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_EQ(second.election.holder(), "a");
  EXPECT_EQ(second.election.standing(), LeaseStanding::kWaiting);
  first.stop();
  ASSERT_TRUE(second.reaches(LeaseStanding::kHeld));
  EXPECT_EQ(second.election.transitions(), 1);
  EXPECT_EQ(lease_record(lease().value()).holder, "b");
}

TEST_F(LeaseTest, OneThatWasTakenAwayIsLost) {
  Contender first(*transport_, target(), options("a"));
  ASSERT_TRUE(first.reaches(LeaseStanding::kHeld));
  LeaseOptions knowing = options("b");
  knowing.ended_holders = {"a"};
  Contender second(*transport_, target(), knowing);
  EXPECT_TRUE(second.reaches(LeaseStanding::kHeld));
  EXPECT_TRUE(first.reaches(LeaseStanding::kLost));
  first.thread.join();
  EXPECT_EQ(first.election.holder(), "b");
}

TEST_F(LeaseTest, ADeletedOneIsMadeAgain) {
  Contender contender(*transport_, target(), options("a"));
  ASSERT_TRUE(contender.reaches(LeaseStanding::kHeld));
  const auto uid = lease()->at("metadata").at("uid");
  ASSERT_TRUE(client_->remove(kLeases, {name_space_, "job-orchestrator", ""}, {}, stop_).ok());
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!lease().ok() && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(20ms);
  ASSERT_TRUE(lease().ok());
  EXPECT_NE(lease()->at("metadata").at("uid"), uid);
  EXPECT_TRUE(contender.reaches(LeaseStanding::kHeld));
}

}  // namespace
}  // namespace parallelrun::kube
