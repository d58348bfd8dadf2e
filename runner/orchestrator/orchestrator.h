// The orchestrator of a job, without threads, sockets, files or a clock: requests, results of planning and
// the time go in; replies and groups to commit come out.
//
// One thread. After every call the caller
//   - answers what take_ready() gives (requests that were parked),
//   - when no group is being written: writes what take_group() gives on its commit thread and then calls
//     on_committed(). If the write fails, the process ends: the job is resumable.
// `tick` does what time alone brings about: call it at least every kTick.
//
// What it keeps: sessions, and the mini-batches that are leased or wait for another try. What waits for its first
// lease is on disk (MiniBatchSource); what is finished is a set of intervals.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/result/result.h"
#include "common/spec/job_spec.h"
#include "runner/orchestrator/commit_group.h"
#include "runner/orchestrator/committer.h"
#include "runner/orchestrator/job_observer.h"
#include "runner/orchestrator/lease_book.h"
#include "runner/orchestrator/plan_view.h"
#include "runner/orchestrator/progress.h"
#include "runner/orchestrator/session.h"
#include "runner/orchestrator/thresholds.h"
#include "runner/orchestrator/time.h"
#include "runner/orchestrator/type_gate.h"
#include "runner/protocol/messages.h"

namespace parallelrun::orchestrator {

class Orchestrator {
 public:
  static constexpr Duration kTick = std::chrono::milliseconds(100);

  struct Options {
    std::vector<std::string> input_names;                  // [inputs] in the order of JobSpec::inputs
    OutputAction output_action = OutputAction::kAppendRow; // [output_action]
    Thresholds thresholds;
    std::uint32_t run_max_try = 3;                         // [run_max_try]
    std::uint32_t expected_agents = 1;                     // [node_count]
    std::string job;                                       // ResolvedJob as JSON, for RegisterReply
    std::string code_hash;                                 // agents with another one are refused; empty: not checked
    std::chrono::milliseconds heartbeat{2'000};
    std::chrono::milliseconds session_timeout{15'000};     // silence that ends a session
    Duration lease_poll = kLeasePoll;                      // a lease request is parked no longer than that
    Duration abort_grace = std::chrono::seconds(10);       // for agents to report and leave after kAbort
    Duration agents_grace = std::chrono::seconds(60);      // wait for missing agents before init() counts as failed everywhere
    Duration standstill = std::chrono::seconds(1);         // a longer gap between calls is our own standing still
    std::uint32_t max_leases_per_reply = 8'192;
    std::uint64_t max_book = 1'000'000;                    // mini-batches leased or waiting for another try
    std::uint64_t max_book_bytes = 64ULL << 20U;           // of their descriptors
  };

  // `source`, `samples` and `observer` must outlive the orchestrator. `job` is what Committer::start() left.
  Orchestrator(Options options, RecoveredJob job, MiniBatchSource& source, SampleSource& samples,
               JobObserver& observer, Time now);

  // --- agents ----------------------------------------------------------------------------------------------
  // Errors: kConflict (another code hash), kInvalidArgument (no name, no slots).
  Result<RegisterReply> on_register(const RegisterRequest& request, Time now);
  // Null: parked; the reply comes from take_ready(). A request that is sent again takes the place of the one
  // that is parked.
  // Errors: kConflict (the session has ended: register anew), kInvalidArgument (a sequence number of the past).
  Result<std::shared_ptr<const LeaseReply>> on_lease(const LeaseRequest& request, Time now);
  // Empty: parked until what it brings is durable. Errors: as on_lease().
  Result<std::optional<ReportReply>> on_report(ReportRequest&& request, Time now);

  // --- planning --------------------------------------------------------------------------------------------
  // Counts of the whole plan so far, those of earlier runs included. `complete`: they are final.
  void on_plan(std::uint64_t mini_batches, std::uint64_t items, bool complete, Time now);
  // An input cannot be listed or cut: the job fails.
  void on_plan_failed(const Error& error, Time now);
  // A sample that was not there yet may be now.
  void on_samples(Time now);

  // --- commits ---------------------------------------------------------------------------------------------
  // What shall be committed next; empty while a group is being written, or there is nothing.
  std::optional<CommitGroup> take_group(Time now);
  void on_committed(std::uint64_t group, Time now);

  // --- time and the end ------------------------------------------------------------------------------------
  void tick(Time now);
  // Stop (Ctrl-C, SIGTERM): running tries are killed, received results committed; the job is resumable.
  void interrupt(std::string why, Time now);
  // The end is durable, and every agent has left or is given up: the process may exit.
  bool finished() const;
  // Set as soon as the end is decided. `progress` in it is final once finished().
  const std::optional<JobResult>& result() const { return ending_; }

  struct Ready {
    std::vector<std::pair<std::uint64_t, Result<std::shared_ptr<const LeaseReply>>>> leases;  // by session
    std::vector<std::pair<std::uint64_t, Result<ReportReply>>> reports;                       // by session
  };
  // Answers to parked requests that are due now, once each.
  Ready take_ready();

  Progress progress() const;

 private:
  // (to come)
};

}  // namespace parallelrun::orchestrator
