// What all agents of the simulation have in common: the network that they see, and what becomes of a try.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "runner/protocol/messages.h"
#include "tests/simulation/virtual_time.h"

namespace parallelrun::simulation {

// What happens to a mini-batch, or a part of one, whenever it is tried; known to the world, not to the
// orchestrator.
struct Nature {
  bool poisoned = false;   // every try fails
  bool flaky = false;      // some do
  bool is_short = false;   // a try that succeeds returns one element less
  bool one_piece = false;  // it cannot be split
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

struct AgentWorld {
  std::function<Nature(const WorkId&)> nature;
  // Inference of column types fails whenever it is tried.
  std::function<bool()> inference_fails;
  // init() fails in every process of the agent that starts now.
  std::function<bool()> init_fails;
  std::function<void(const std::string& what)> violated;
  // A report with these results was answered.
  std::function<void(const std::vector<AttemptResult>&)> acknowledged;
};

class SimulatedAgent {
 public:
  virtual ~SimulatedAgent() = default;
  virtual void start() = 0;
  // Loses everything it knows.
  virtual void crash() = 0;
  virtual void stand_still(Duration time) = 0;
  virtual bool running() const = 0;
  virtual bool left() const = 0;
  // init() has failed in every process of it.
  virtual bool broken() const = 0;
};

// What a try brings that was read under the column types `types`. kDied: its process dies of it.
AttemptResult outcome_of(const Lease& lease, const std::string& types, const AgentWorld& world, Dice& dice);

}  // namespace parallelrun::simulation
