// The agent as it is, in virtual time: AgentCore, Outbox and OrchestratorLink with the bytes of the protocol.
// Modelled are its worker processes, which take time, die and hang, and its transport.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runner/agent/agent_core.h"
#include "runner/agent/link_transport.h"
#include "runner/agent/log_streams.h"
#include "runner/agent/orchestrator_link.h"
#include "runner/agent/outbox.h"
#include "tests/simulation/simulated_agent.h"

namespace parallelrun::simulation {

class RealAgent final : public SimulatedAgent,
                        public agent::LinkTransport,
                        public agent::LinkUser,
                        public agent::WorkerControl,
                        public agent::AttemptObserver {
 public:
  RealAgent(std::string name, std::uint32_t slots, Dice& dice, Events& events, AgentNetwork& network,
            AgentWorld world);

  void start() override;
  void crash() override;
  void stand_still(Duration time) override;
  bool running() const override { return running_; }
  bool left() const override { return left_; }
  bool broken() const override { return broken_; }

 private:
  struct Task {
    Lease lease;
    std::string types;
    bool taken_back = false;
  };
  // One process. What was begun by an earlier one of its slot does not happen any more.
  struct Process {
    std::uint64_t number = 0;
    bool alive = false;
    bool killed = false;
    bool ready = false;
    bool leaving = false;
    bool busy = false;
    std::deque<Task> tasks;
    std::map<std::uint32_t, std::string> types;
    channel::Stamp stamp{};
  };

  // --- LinkTransport
  void post(Lane lane, const std::string& path, std::string body, std::chrono::milliseconds timeout,
            Done done) override;
  void cancel(Lane lane) override;
  void wake(agent::Time when, std::function<void(agent::Time)> then) override;
  // --- LinkUser
  bool on_registered(const RegisterReply& reply) override;
  void on_session_ended(std::uint64_t) override {}
  void on_contact(agent::Time sent) override { core_->on_contact(sent); }
  void on_lease_reply(LeaseReply reply) override { core_->on_lease_reply(std::move(reply), events_.now()); }
  void on_directive(Directive directive) override { core_->on_directive(directive, events_.now()); }
  std::uint32_t want() const override { return core_->want(); }
  void fill_counts(ReportRequest& report) override;
  bool counts_are_news() const override { return core_ && core_->inside_is_news(); }
  bool results_are_urgent() const override { return core_->idle(); }
  bool finished() const override { return core_ && core_->finished(); }
  void on_left() override;
  void on_hopeless(std::string why) override;
  // --- WorkerControl
  void start(agent::SlotIndex slot) override;
  void announce(agent::SlotIndex slot, const InputInfo& info) override;
  void run(agent::SlotIndex slot, const Lease& lease) override;
  void take_back(agent::SlotIndex slot) override;
  void shut_down(agent::SlotIndex slot) override;
  void dump_stack(agent::SlotIndex) override {}
  void kill(agent::SlotIndex slot) override;
  channel::Stamp stamp(agent::SlotIndex slot) const override { return processes_[slot].stamp; }
  agent::ProcessLook look(agent::SlotIndex) const override { return {}; }
  // --- AttemptObserver
  void picked_up(agent::SlotIndex, const Lease&, std::int64_t) override {}
  void done(agent::SlotIndex, const AttemptResult&, const Lease&) override {}

  // In this life, when it does not stand still.
  void later(Duration wait, std::function<void()> what);
  // The same, and as long as that process lives.
  void later_in(agent::SlotIndex slot, Duration wait, std::function<void()> what);
  void tick();
  void work(agent::SlotIndex slot);
  void finish(agent::SlotIndex slot, AttemptResult result);
  void exit(agent::SlotIndex slot, const char* type);
  void said_all();
  void answered(Lane lane, std::uint64_t request, Result<Answer> answer);
  template <typename Request, typename Reply>
  void ask(Lane lane, std::uint64_t request, const Result<Request>& decoded,
           std::function<void(const Reply&)> heard);

  const std::string name_;
  const std::uint32_t slots_;
  Dice& dice_;
  Events& events_;
  AgentNetwork& network_;
  const AgentWorld world_;

  bool running_ = false;
  bool left_ = false;
  bool broken_ = false;
  std::uint64_t life_ = 0;
  Time still_until_{};
  std::uint64_t next_request_ = 1;
  std::map<Lane, std::pair<std::uint64_t, Done>> in_flight_;
  std::uint64_t alarm_ = 0;
  std::vector<Process> processes_;
  std::unique_ptr<agent::LogStreams> logs_;
  std::unique_ptr<agent::Outbox> outbox_;
  std::unique_ptr<agent::AgentCore> core_;
  std::unique_ptr<agent::OrchestratorLink> link_;
};

}  // namespace parallelrun::simulation
