// The orchestrator of a job, without threads, sockets, files or a clock: requests, results of planning and
// the time go in; replies and groups to commit come out.
//
// One thread. After every call the caller
//   - answers what take_ready() gives (requests that were parked),
//   - when no group is being written: writes what take_group() gives on its commit thread and then calls
//     on_committed(). If the write fails, the process ends: the job is resumable.
// `tick` does what time alone brings about: call it at least every kTick.
//
// What it keeps: sessions, and the mini-batches that are leased or wait for another try. What waits for its
// first lease is on disk (MiniBatchSource); what is finished is a set of intervals.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/hash/siphash.h"
#include "common/result/result.h"
#include "common/spec/job_spec.h"
#include "runner/orchestrator/job_observer.h"
#include "runner/orchestrator/lease_book.h"
#include "runner/orchestrator/plan_view.h"
#include "runner/orchestrator/session.h"
#include "runner/orchestrator/thresholds.h"
#include "runner/orchestrator/time.h"
#include "runner/orchestrator/type_gate.h"
#include "runner/output/commit_group.h"
#include "runner/output/recovered_job.h"
#include "runner/output/row_check.h"
#include "runner/output/work_ledger.h"
#include "runner/progress/progress.h"
#include "runner/protocol/messages.h"

namespace parallelrun::orchestrator {

class Orchestrator {
 public:
  static constexpr Duration kTick = std::chrono::milliseconds(100);
  static constexpr Duration kLongestRetryDelay = std::chrono::seconds(60);
  static constexpr std::size_t kMostCuttings =
      1'000;  // mini-batches that wait for their parts at once, after a start

  struct Options {
    std::vector<std::string> input_names;                   // [inputs] in the order of JobSpec::inputs
    OutputAction output_action = OutputAction::kAppendRow;  // [output_action]
    std::shared_ptr<RowCheck> row_check;                    // of Committer::row_check(); null: all rows fit
    Thresholds thresholds;
    std::uint32_t run_max_try = 3;  // [run_max_try]
    // A mini-batch whose tries all failed is split until the items that fail stand alone (split.h). A part of
    // several items has one try, since all that is asked of it is where to look; a single item has
    // run_max_try.
    bool isolate_failures = false;
    // [run_retry_delay] before the second try, doubled for each further one, at most kLongestRetryDelay;
    // other mini-batches go on meanwhile. Zero: at once.
    Duration retry_delay = Duration::zero();
    std::optional<Duration> progress_update_timeout;                   // [progress_update_timeout]
    Duration first_task_creation_timeout = std::chrono::seconds(600);  // [first_task_creation_timeout]
    std::uint32_t expected_agents = 1;                                 // [node_count]
    std::uint32_t slots_per_agent = 1;  // [process_count_per_node], where an agent does not say
    std::string job;                    // ResolvedJob as JSON, for RegisterReply
    std::string code_hash;              // agents with another one are refused; empty: not checked
    std::chrono::milliseconds heartbeat{2'000};
    std::chrono::milliseconds session_timeout{15'000};  // silence that ends a session
    Duration lease_poll = kLeasePoll;                   // a lease request is parked no longer than that
    Duration abort_grace = std::chrono::seconds(10);    // for agents to report and leave after kAbort
    Duration agents_grace = std::chrono::seconds(60);   // for missing agents, before init() failed everywhere
    Duration standstill = std::chrono::seconds(1);  // a longer gap between calls is our own standing still
    std::uint32_t max_leases_per_reply = 8'192;
    // For the numbers of sessions: of this life alone, and told to nobody.
    SipKey session_key;
    // For the seals of leases: told to nobody. With the key of an earlier life its leases count, too.
    SipKey seal_key;
    std::uint64_t max_book = 1'000'000;           // mini-batches leased or waiting for another try
    std::uint64_t max_book_bytes = 64ULL << 20U;  // of their descriptors
  };

  // What else planning does for it. All must outlive the orchestrator.
  struct Planning {
    MiniBatchSource& source;
    SampleSource& samples;
    PartCutter& parts;
  };
  // `observer` must outlive the orchestrator. `job` is what Committer::start() left.
  Orchestrator(Options options, RecoveredJob job, const Planning& planning, JobObserver& observer, Time now);

  // --- agents ----------------------------------------------------------------------------------------------
  // `proof`: what a later registration of this name must bring, too, to take the place of this one while its
  // session lives. Errors: kConflict (another code hash), kInvalidArgument (no name), kUnavailable (the name
  // has a session, and the proof is another: to be tried again once that is silent).
  Result<RegisterReply> on_register(const RegisterRequest& request, const std::string& proof, Time now);
  Result<RegisterReply> on_register(const RegisterRequest& request, Time now) {
    return on_register(request, {}, now);
  }
  // Whether an agent of this name may speak in `session`, which may have ended.
  bool speaks_for(std::string_view agent, std::uint64_t session) const;
  // A sign of life before the request has come whole. False: this agent has no session.
  bool on_sign_of_life(std::string_view agent, Time now);
  // Null: parked; the reply comes from take_ready(). A request that is sent again takes the place of the one
  // that is parked. Errors: kConflict (the session has ended: register anew), kInvalidArgument (a sequence
  // number of the past).
  Result<std::shared_ptr<const LeaseReply>> on_lease(const LeaseRequest& request, Time now);
  // Empty: parked until what it brings is durable. After the last group of an aborted run what comes is
  // dropped, and the answer is kAbort. Errors: as on_lease().
  Result<std::optional<ReportReply>> on_report(ReportRequest&& request, Time now);

  // --- planning --------------------------------------------------------------------------------------------
  // Counts of the whole plan so far, those of earlier runs included. `complete`: they are final.
  void on_plan(std::uint64_t mini_batches, std::uint64_t items, bool complete, Time now);
  // What could be refused of the inputs was looked at; agents may register. What is read a second time, to
  // group records by columns, has the whole of first_task_creation_timeout.
  void on_inputs_checked(Time now);
  // An input cannot be listed or cut: the job fails.
  void on_plan_failed(const Error& error, Time now);
  // A sample that was not there yet may be now.
  void on_samples(Time now);
  // What came of a PartCutter::Request. An error says why, naming the file.
  void on_parts(std::uint64_t request, PartCutter::Cut parts, Time now);

  // --- commits ---------------------------------------------------------------------------------------------
  // What shall be committed next; empty while a group is being written, or there is nothing.
  std::optional<CommitGroup> take_group(Time now);
  void on_committed(std::uint64_t group, Time now);

  // While `held`, nothing new is handed out: somebody else may be about to take the job over. Results are
  // taken and committed as ever.
  void hold(bool held, Time now);

  // --- time and the end ------------------------------------------------------------------------------------
  void tick(Time now);
  // Stop (Ctrl-C, SIGTERM, SIGHUP): running tries are killed, received results committed; the job is
  // resumable. One that has ended by itself keeps its result; processes that still shut down are killed.
  void interrupt(const std::string& why, Time now);
  // The end is durable, and every agent has left or is given up: the process may exit.
  bool finished() const;
  // The journal has the end: it holds whatever happens.
  bool end_is_durable() const { return ending_ && ending_->stage == End::Stage::kDurable; }
  // Null until the end is decided. `progress` in it is final once finished().
  const JobResult* result() const { return ending_ ? &ending_->result : nullptr; }

  struct Ready {
    std::vector<std::pair<std::uint64_t, Result<std::shared_ptr<const LeaseReply>>>> leases;  // by session
    std::vector<std::pair<std::uint64_t, Result<ReportReply>>> reports;                       // by session
  };
  // Answers to parked requests that are due now, once each.
  Ready take_ready();

  Progress progress() const;
  // Agents that have not been heard of for long, and those that are lost and have not come back: for people.
  std::vector<Silence> silences() const;

 private:
  using LeaseAnswer = std::shared_ptr<const LeaseReply>;

  // Time and sessions (orchestrator.cpp).
  void observe(Time now);
  Session* live(std::uint64_t session);
  static Error unknown_session();
  std::uint64_t new_session();
  void end_session(Session& session, std::string_view why);
  void lose_session(Session& session, const std::string& why);
  std::vector<WorkId> inside_at_loss(const Session& session);
  void remember_loss(const AgentView& agent, WorkId id, const std::string& why);
  void remember_cut_off(const std::string& agent, const std::string& predecessor_end);
  Duration patience_with(const Session& session) const;
  void expire_sessions(Time now);
  void watch_silence(Session& session, Time now);
  void heard(Session& session, Time now);
  std::uint32_t live_sessions() const;
  Directive directive() const;

  // Leases (orchestrator_leases.cpp).
  LeaseAnswer grant(Session& session);
  std::uint64_t fair_share(const Session& session, std::uint64_t of) const;
  void grant_types(Session& session, LeaseReply& reply, std::uint64_t limit);
  void grant_retries(Session& session, LeaseReply& reply, std::uint64_t limit);
  bool grant_suspects(Session& session, LeaseReply& reply);
  void grant_new(Session& session, LeaseReply& reply, std::uint64_t limit);
  void add_lease(Session& session, LeaseBook::Entry& entry, LeaseReply& reply);
  bool peek_planned();
  bool others_parked(const Session& session) const;
  std::uint64_t next_attempt() { return (job_.epoch << 32U) | next_attempt_++; }

  // Results (orchestrator_results.cpp).
  void take_result(Session& session, AttemptResult& result);
  void take_success(const Session& session, AttemptResult& result, LeaseBook::Entry* entry);
  bool admit_rows(const Session& session, AttemptResult& result, LeaseBook::Entry* entry);
  void take_failure(const AgentView& agent, AttemptResult& result, LeaseBook::Entry& entry);
  void fail_for_good(const ScriptError& error, std::uint64_t attempt, LeaseBook::Entry& entry);
  Duration retry_delay(std::uint32_t failed_tries) const;
  bool take_undecided(const AttemptResult& result, LeaseBook::Entry& entry);
  void take_types(Session& session, AttemptResult& result);
  void take_process_failure(Session& session, const ProcessFailure& failure);
  bool genuine(const AttemptResult& result, bool in_book) const;
  std::uint64_t seal(std::string_view agent, LeaseKind kind, std::uint64_t attempt, WorkId id) const;
  void record(const CommitEntry& entry);
  bool something_pending() const { return !pending_.entries.empty() || !pending_.types.empty(); }
  const std::string& input_name(std::uint32_t input) const;

  // Parts (orchestrator_parts.cpp).
  std::uint32_t tries_of(const LeaseBook::Entry& entry) const;
  bool may_be_split(const LeaseBook::Entry& entry) const;
  void split(AttemptResult& result, LeaseBook::Entry& entry);
  void want_open_parts(const MiniBatch& mini_batch);
  void release_parts(std::uint64_t committed);
  std::uint32_t tries_before(const WorkId& work);

  // The end (orchestrator_end.cpp).
  void decide_end(Time now);
  void check_scripts(Time now);
  void check_patience(Time now);
  void end_job(JobState state, JobReason reason, const std::string& message, Time now);
  bool end_is_due(Time now) const;
  bool accepts_results() const { return !ending_ || ending_->stage == End::Stage::kDecided; }

  Options options_;
  RecoveredJob job_;
  MiniBatchSource& source_;
  PartCutter& parts_;
  JobObserver& observer_;
  TypeGate gate_;
  LeaseBook book_;

  std::map<std::uint64_t, Session> sessions_;
  std::map<std::string, std::uint64_t, std::less<>> newest_session_;  // by the agent's name
  std::deque<std::uint64_t> parked_;  // sessions with a parked lease request, in the order they came
  std::uint64_t next_session_ = 1;
  std::uint64_t next_attempt_ = 1;
  Time now_{};
  Time last_registered_{};
  Time last_progress_{};        // a mini-batch was finished, tried or planned
  Time started_{};              // or the inputs were checked: since then a first mini-batch is waited for
  bool script_works_ = false;   // init() has succeeded somewhere
  bool look_for_work_ = false;  // parked requests may be answered
  bool held_ = false;

  struct LostAgent {
    AgentView agent;
    Time last_heard{};
    Time handed_over{};
    std::uint64_t mini_batches = 0;
  };
  std::map<std::string, LostAgent> lost_;  // by name, until they come back
  struct CutOff {
    AgentView agent;
    std::vector<WorkId> work;
  };
  std::map<std::string, CutOff> cut_off_;  // by agents that left, by name, until a successor comes
  std::uint64_t reserved_ = 0;  // session that gets nothing new until a suspect can run alone there
  std::uint64_t losses_charged_ = 0;

  std::uint64_t run_us_ = 0;  // of results in this life

  std::uint64_t planned_ = 0;
  std::uint64_t items_planned_ = 0;
  bool plan_complete_ = false;
  std::optional<MiniBatch> peeked_;  // read from the plan, not leased yet

  WorkLedger ledger_;  // of what is committed or on the way
  // Parts that are being cut, by the number of the request.
  struct Cutting {
    MiniBatch of;
    std::vector<std::uint32_t> parts;
    // Of a mini-batch that is split now; else the parts were there before this start.
    struct Failure {
      WorkId work;
      std::uint64_t attempt = 0;
      ScriptError error;
    };
    std::optional<Failure> failure;
  };
  std::map<std::uint64_t, Cutting> cutting_;
  std::uint64_t next_cutting_ = 1;
  std::deque<std::pair<std::uint64_t, LeaseBook::Entry>> undurable_parts_;  // by the group of their split
  FirstErrors first_errors_;
  std::optional<ScriptError> script_error_;  // the first failure of load or init()

  CommitGroup pending_;
  std::uint64_t next_group_ = 1;
  std::uint64_t in_flight_ = 0;  // group being written; 0: none
  Counts in_flight_counts_;      // those of ledger_ when it was taken
  Counts durable_;
  std::uint64_t durable_group_ = 0;
  std::uint64_t acknowledged_ = 0;  // reports up to this group can be answered; 0: none new

  // How the job ends, from the moment that it is decided.
  struct End {
    enum class Stage : std::uint8_t {
      kDecided,  // nothing new is handed out; results are still taken
      kTaken,    // the last group is on its way to the disk: what comes now is dropped
      kDurable,  // the journal has the end
    };
    JobResult result;
    bool abort = false;                // agents are told kAbort, else kDrain
    std::uint64_t evidence_group = 0;  // holds the results that brought the end
    Time abort_until{};                // when an abort ends whether agents have left or not
    Stage stage = Stage::kDecided;
  };
  std::optional<End> ending_;
};

}  // namespace parallelrun::orchestrator
