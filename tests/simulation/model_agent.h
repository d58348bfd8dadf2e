// A model of an agent: keeps leases, runs tries that take time and fail, reports, sends again what was not
// answered, crashes, stands still, hands back. It follows the protocol, not the code of the real one.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runner/protocol/messages.h"
#include "tests/simulation/simulated_agent.h"
#include "tests/simulation/virtual_time.h"

namespace parallelrun::simulation {

class ModelAgent final : public SimulatedAgent {
 public:
  ModelAgent(std::string name, std::uint32_t slots, Dice& dice, Events& events, AgentNetwork& network,
             AgentWorld world);

  void start() override;
  void crash() override;
  void stand_still(Duration time) override;
  bool running() const override { return running_; }
  bool left() const override { return left_; }
  bool broken() const override { return broken_; }

 private:
  void act();
  void later(Duration wait, std::function<void()> what);
  void register_anew();
  void ask();
  void report();
  void take(const LeaseReply& reply);
  void obey(Directive directive);
  void run_next();
  void return_last();

  std::string name_;
  std::uint32_t slots_;
  Dice& dice_;
  Events& events_;
  AgentNetwork& network_;
  AgentWorld world_;

  bool running_ = false;
  bool left_ = false;
  bool broken_ = false;
  bool breaks_ = false;                         // broken_, once it has been reported
  std::map<std::uint32_t, std::string> types_;  // by input, as this session was told
  std::uint64_t life_ = 0;                      // what was begun in an earlier one is not finished
  Time still_until_{};
  std::uint64_t session_ = 0;
  bool registering_ = false;
  Time asked_at_{};
  std::uint64_t lease_sequence_ = 0;
  std::optional<LeaseRequest> asking_;
  std::uint64_t report_sequence_ = 0;
  std::optional<ReportRequest> reporting_;
  Time reported_at_{};
  std::deque<Lease> queue_;
  std::map<std::uint64_t, Lease> busy_;  // by attempt
  std::vector<AttemptResult> outbox_;
  std::optional<AttemptResult> old_;  // to be reported once more, as a confused agent might
  Directive directive_ = Directive::kRun;
};

}  // namespace parallelrun::simulation
