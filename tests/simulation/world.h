// The world of one simulated job; see simulation.h.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runner/orchestrator/orchestrator.h"
#include "runner/output/committer.h"
#include "tests/simulation/accounts.h"
#include "tests/simulation/faulty_disk.h"
#include "tests/simulation/planning.h"
#include "tests/simulation/simulated_agent.h"
#include "tests/simulation/simulation.h"
#include "tests/simulation/virtual_time.h"

namespace parallelrun::simulation {

inline constexpr const char* kOutput = "parallel_run_step.txt";
inline constexpr const char* kFingerprint = "simulated";

class World final : public AgentNetwork, public orchestrator::JobObserver {
 public:
  explicit World(std::uint64_t seed);
  Report run();

  void send(const std::string& agent, RegisterRequest request, Replied<RegisterReply> replied) override;
  void send(const std::string& agent, LeaseRequest request, Replied<LeaseReply> replied) override;
  void send(const std::string& agent, ReportRequest request, Replied<ReportReply> replied) override;

 private:
  // One life of the orchestrator's process, as the shell around the core drives it.
  struct Process {
    ProcessDisk disk;
    std::unique_ptr<ProcessPlan> plan;
    std::unique_ptr<Committer> committer;
    ModelSamples samples;
    std::unique_ptr<orchestrator::Orchestrator> core;
    std::map<std::uint64_t, Replied<LeaseReply>> parked_leases;  // by session; the newest request only
    std::map<std::uint64_t, Replied<ReportReply>> parked_reports;
    Process(FaultyDisk& faulty_disk, std::uint64_t number, bool tabular)
        : disk(faulty_disk, number), samples(tabular) {}
  };

  void violated(const std::string& what);

  // The orchestrator's process.
  void start_process();
  Result<Committer::Opened> open_files(Process& process, bool fresh_files);
  void serve(Committer::Opened opened);
  // Of a process that does not know that it has a successor.
  void woken_start(Result<Committer::Opened>& opened, Process& process);
  // The start has failed: with the disk, or since it refuses what it found.
  void start_failed(const char* step, const Error& error);
  void end_process(bool power_lost);
  template <typename What>
  void in_process(What&& what);
  void after_call();
  void write_group(const CommitGroup& group);
  // A successor takes over and works for a while; then the one that is paused in a step at the disk goes on.
  void pause_process();
  void hold(bool held);
  void woken_writes(Process& woken, CommitGroup group, Status written);
  void cut_parts(orchestrator::PartCutter::Request request);
  void tick();
  void plan_on();
  void job_ended();
  orchestrator::Orchestrator::Options options() const;
  Committer::Options committer_options(bool fresh_files) const;

  // The network.
  template <typename Deliver>
  void carry(const std::string& agent, Deliver deliver);
  template <typename Reply>
  Replied<Reply> over_network(const std::string& agent, Replied<Reply> replied);
  bool cut_off(const std::string& agent) const;

  // Trouble.
  void make_trouble();
  void interrupt();
  void fail_planning();
  void decay();
  bool trouble_over() const { return events_.now() >= trouble_until_; }

  // The disk does not keep what it has confirmed: what is lost is done again, or the job is refused.
  bool dishonest() const { return lies_ || rotten_; }
  bool may_refuse(const Error& error) const {
    // A bit can also make a version of another program's.
    return dishonest() && (error.code == ErrorCode::kCorrupt || error.code == ErrorCode::kUnsupported ||
                           error.code == ErrorCode::kConflict);
  }

  // What must hold.
  void check_leases(std::uint64_t session, const LeaseReply& reply);
  void check_output(const RecoveredJob& job);
  void check_acknowledged(const WorkLedger& ledger);
  void check_bounds();
  void check_ranges(std::uint64_t id, std::vector<ItemRange> ranges);
  void check_books(const RecoveredJob& job, bool started);
  void check_progress();
  void check_result(const JobResult& result);
  void check_end();
  void on_ending(const JobResult& result) override;
  void on_try_failed(const orchestrator::AgentView&, const AttemptResult&, std::uint32_t tries,
                     bool final) override;
  void on_split(WorkId work, const std::vector<std::uint64_t>& items, const std::string& why) override;
  // Of those of which a try is poisoned; as the mini-batch is planned now.
  bool has_bad_item(const WorkId& work) const;

  Report report_;
  Dice dice_;
  Events events_;
  FaultyDisk disk_;
  Inputs inputs_;
  std::vector<Planned> planned_;  // on the disk
  std::vector<std::unique_ptr<SimulatedAgent>> agents_;
  std::map<std::uint64_t, Nature> natures_;
  std::set<WorkId> unlucky_;       // were charged with the loss of an agent
  std::set<std::uint64_t> split_;  // mini-batches
  bool isolate_ = false;
  bool tabular_ = false;
  bool summary_only_ = false;
  bool ordered_ = false;  // output.order: input
  bool lies_ = false;
  bool rots_ = false;
  bool rotten_ = false;
  bool must_refuse_ = false;  // what is rotten cannot be what a crash has left
  bool inference_fails_ = false;
  std::optional<std::uint64_t> plan_fails_at_;  // mini-batches
  bool plan_has_failed_ = false;
  bool an_init_has_failed_ = false;
  bool interrupted_ = false;
  Accounts books_;       // of the journal, up to the last commit that the core knows of
  bool healed_ = false;  // poisoned mini-batches succeed after the first failed run
  std::uint32_t run_max_try_ = 3;
  Duration retry_delay_{0};
  orchestrator::Thresholds thresholds_;

  std::unique_ptr<Process> process_;
  std::vector<std::unique_ptr<Process>> paused_;  // have or had a successor, and may go on
  bool one_is_paused_ = false;
  bool held_ = false;  // the Lease of process_ is uncertain
  std::uint64_t process_life_ = 0;
  bool nobody_paused_lives_ = false;  // the power was lost
  bool complete_ = false;
  bool refused_ = false;  // rightly: what the disk has lost cannot be gone on from
  Time trouble_until_{};
  double loss_ = 0;
  std::map<std::string, Time> cut_off_until_;

  std::set<WorkId> acknowledged_;
  std::map<std::uint64_t, std::uint64_t> session_of_attempt_;
};

// Runs a step of the process, in which it may die.
template <typename What>
void World::in_process(What&& what) {
  if (!process_) return;
  const std::uint64_t life = process_life_;
  try {
    what();
  } catch (const Killed&) {
    if (life == process_life_) end_process(dice_.chance(0.6));
  }
}

}  // namespace parallelrun::simulation
