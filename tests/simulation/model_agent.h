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
#include "tests/simulation/virtual_time.h"

namespace parallelrun::simulation {

// What happens to a mini-batch whenever it is tried; known to the world, not to the orchestrator.
struct Nature {
  bool poisoned = false;  // every try fails
  bool flaky = false;     // some do
  bool is_short = false;  // a try that succeeds returns one element less
};

// Of column types as the orchestrator stores and sends them: which inference they are of.
std::string version_of(const std::string& types);

// The side of the network that an agent sees. A reply comes at most once for each call, or never.
class AgentNetwork {
 public:
  virtual ~AgentNetwork() = default;
  template <typename T>
  using Replied = std::function<void(Result<T>)>;
  virtual void send(const std::string& agent, RegisterRequest request, Replied<RegisterReply> replied) = 0;
  virtual void send(const std::string& agent, LeaseRequest request, Replied<LeaseReply> replied) = 0;
  virtual void send(const std::string& agent, ReportRequest request, Replied<ReportReply> replied) = 0;
};

class ModelAgent {
 public:
  struct World {
    std::function<Nature(std::uint64_t mini_batch)> nature;
    // Inference of column types fails whenever it is tried.
    std::function<bool()> inference_fails;
    // init() fails in every process of the agent that starts now.
    std::function<bool()> init_fails;
    // A report with these results was answered.
    std::function<void(const std::vector<AttemptResult>&)> acknowledged;
  };

  ModelAgent(std::string name, std::uint32_t slots, Dice& dice, Events& events, AgentNetwork& network,
             World world);

  void start();
  // Loses everything it knows.
  void crash();
  void stand_still(Duration time);
  bool running() const { return running_; }
  bool left() const { return left_; }
  // init() has failed in every process of it.
  bool broken() const { return broken_; }

 private:
  void act();
  void later(Duration wait, std::function<void()> what);
  void register_anew();
  void ask();
  void report();
  void take(const LeaseReply& reply);
  void obey(Directive directive);
  void run_next();
  AttemptResult outcome_of(const Lease& lease, const std::string& types);
  void return_last();

  std::string name_;
  std::uint32_t slots_;
  Dice& dice_;
  Events& events_;
  AgentNetwork& network_;
  World world_;

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
