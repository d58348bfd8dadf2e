// One life of an agent as the orchestrator sees it. Plain state; the rules are the Orchestrator's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runner/orchestrator/job_observer.h"
#include "runner/orchestrator/time.h"
#include "runner/protocol/messages.h"

namespace parallelrun::orchestrator {

struct Session {
  AgentView agent;
  std::string proof;  // by which the agent is known to be the one that registered; empty: nobody asks
  Time last_heard{};
  bool left = false;  // said goodbye: kept for a while so that its last report can be sent again

  // The lease request of number `sequence`: parked, or answered by `reply`.
  struct LeaseChannel {
    std::uint64_t sequence = 0;  // 0: none came yet
    std::uint32_t want = 0;
    bool parked = false;
    Time parked_until{};
    bool poll_over = false;  // it is answered now, with nothing if need be
    std::shared_ptr<const LeaseReply> reply;
  } lease;

  // The report of number `sequence`: parked until group `waits_for` is durable, or answered.
  struct ReportChannel {
    std::uint64_t sequence = 0;  // 0: none came yet
    bool parked = false;
    std::uint64_t waits_for = 0;
  } report;

  std::vector<std::uint64_t> inside;  // attempts in run(), as its last report says
  std::vector<WorkId> cut_off;        // came back while run() was at work
  std::optional<WorkId> alone_with;   // a suspect that it was leased
  bool told_silent = false;
  std::set<std::uint32_t> infos;       // inputs whose column types it has been sent
  std::vector<std::uint64_t> revoked;  // attempts to tell it of
  std::uint32_t processes_ready = 0;
  std::uint32_t inits_succeeded = 0;
  std::uint32_t slots_given_up = 0;

  bool usable() const { return !left && slots_given_up < agent.slots; }
};

}  // namespace parallelrun::orchestrator
