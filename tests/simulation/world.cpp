#include "tests/simulation/world.h"

#include <algorithm>

#include "runner/output/staged_rows.h"
#include "spdlog/fmt/fmt.h"
#include "tests/simulation/model_agent.h"
#include "tests/simulation/real_agent.h"

namespace parallelrun::simulation {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

}  // namespace

World::World(std::uint64_t seed) : dice_(seed), disk_(dice_) {
  report_.seed = seed;
  inputs_.total = dice_.between(std::uint64_t{1}, std::uint64_t{250});
  report_.mini_batches = inputs_.total;
  tabular_ = dice_.chance(0.3);
  summary_only_ = dice_.chance(0.1);
  ordered_ = !summary_only_ && dice_.chance(0.3);
  run_max_try_ = static_cast<std::uint32_t>(dice_.between(std::uint64_t{1}, std::uint64_t{4}));
  retry_delay_ = dice_.chance(0.5) ? Duration(0) : dice_.between(Duration(0), Duration(milliseconds(800)));
  loss_ =
      dice_.chance(0.7) ? 0.1 * static_cast<double>(dice_.between(std::uint64_t{0}, std::uint64_t{3})) : 0;
  const double poisoned = dice_.chance(0.5) ? 0.08 : 0;
  for (std::uint64_t i = 0; i < inputs_.total; ++i)
    natures_[i] = {dice_.chance(poisoned), dice_.chance(0.15), dice_.chance(0.1), dice_.chance(0.1)};
  isolate_ = dice_.chance(0.5);
  if (dice_.chance(0.2))
    thresholds_.error_threshold =
        static_cast<std::int64_t>(dice_.between(std::uint64_t{0}, std::uint64_t{20}));
  if (dice_.chance(0.2))
    thresholds_.allowed_failed_count =
        static_cast<std::int64_t>(dice_.between(std::uint64_t{0}, std::uint64_t{5}));
  if (dice_.chance(0.1)) thresholds_.allowed_failed_percent = 2.0;
  inference_fails_ = tabular_ && dice_.chance(0.05);
  if (dice_.chance(0.05)) plan_fails_at_ = dice_.between(std::uint64_t{0}, inputs_.total);
  if (dice_.chance(0.4)) disk_.faults.sync_fails = dice_.chance(0.5) ? 0.08 : 0.01;
  if (dice_.chance(0.3)) disk_.faults.folder_sync_fails = 0.03;
  lies_ = dice_.chance(0.03);
  if (lies_) disk_.faults.lies = 0.2;
  rots_ = !lies_ && dice_.chance(0.05);
  const bool init_may_fail = dice_.chance(0.1);

  const std::uint64_t agents = dice_.between(std::uint64_t{1}, std::uint64_t{4});
  for (std::uint64_t i = 0; i < agents; ++i) {
    const auto slots = static_cast<std::uint32_t>(dice_.between(std::uint64_t{1}, std::uint64_t{3}));
    AgentWorld world;
    world.violated = [this](const std::string& what) { violated(what); };
    world.nature = [this](const WorkId& work) {
      Nature nature = natures_[work.mini_batch.value];
      nature.poisoned = nature.poisoned && !healed_ && has_bad_item(work);
      return nature;
    };
    world.inference_fails = [this] { return inference_fails_ && !healed_; };
    world.init_fails = [this, init_may_fail] {
      const bool fails = init_may_fail && !trouble_over() && dice_.chance(0.3);
      an_init_has_failed_ = an_init_has_failed_ || fails;
      return fails;
    };
    world.acknowledged = [this](const std::vector<AttemptResult>& results) {
      for (const AttemptResult& result : results) {
        if (result.kind != LeaseKind::kRun || result.outcome != Outcome::kSucceeded) continue;
        // What was planned anew since is answered and dropped.
        const std::uint64_t id = result.work.mini_batch.value;
        if (id < planned_.size() &&
            (result.rows.empty() ||
             result.rows.rfind(fmt::format("{} {} ", to_string(result.work), planned_[id].version), 0) ==
                 0)) {
          acknowledged_.insert(result.work);
        }
      }
    };
    // One that follows the protocol and not the code keeps the orchestrator from relying on how agents
    // behave.
    const std::string name = fmt::format("agent{:03}", i);
    if (dice_.chance(0.5)) {
      agents_.push_back(std::make_unique<RealAgent>(name, slots, dice_, events_, *this, std::move(world)));
    } else {
      agents_.push_back(std::make_unique<ModelAgent>(name, slots, dice_, events_, *this, std::move(world)));
    }
  }
  trouble_until_ = events_.now() + dice_.between(Duration(0), Duration(seconds(25)));
}

void World::violated(const std::string& what) {
  const auto at = std::chrono::duration_cast<milliseconds>(events_.now().time_since_epoch()).count();
  if (report_.violations.size() < 5) report_.violations.push_back(fmt::format("at {} ms: {}", at, what));
}

Report World::run() {
  for (auto& agent : agents_) agent->start();
  events_.after(Duration(0), [this] { start_process(); });
  events_.after(milliseconds(50), [this] { make_trouble(); });
  const Time patience = trouble_until_ + std::chrono::minutes(30);
  while (!complete_ && !refused_ && report_.violations.empty() && events_.now() < patience &&
         events_.step()) {
  }
  if (refused_) return report_;
  if (!complete_ && report_.violations.empty()) violated("the job does not come to its end");
  if (complete_) check_end();
  return report_;
}

// --- the orchestrator's process
// --------------------------------------------------------------------------------

orchestrator::Orchestrator::Options World::options() const {
  orchestrator::Orchestrator::Options options;
  options.input_names = {"first", "second"};
  options.output_action = summary_only_ ? OutputAction::kSummaryOnly : OutputAction::kAppendRow;
  options.thresholds = thresholds_;
  options.run_max_try = run_max_try_;
  options.isolate_failures = isolate_;
  options.retry_delay = retry_delay_;
  options.expected_agents = static_cast<std::uint32_t>(agents_.size());
  options.session_timeout = seconds(4);
  options.lease_poll = seconds(1);
  options.abort_grace = seconds(3);
  options.max_leases_per_reply = 16;
  options.max_book = 64;
  return options;
}

Committer::Options World::committer_options(bool fresh_files) const {
  Committer::Options options{summary_only_ ? "" : kOutput, kFingerprint, fresh_files};
  if (!ordered_) return options;
  Output output;
  output.order = OutputOrder::kInput;
  options.output_file = kStagedRowsPath;
  options.sealed_file = kOutput;
  options.rows = row_file_maker(output);
  return options;
}

void World::start_process() {
  if (complete_ || refused_ || process_) return;
  ++report_.orchestrator_starts;
  ++process_life_;
  process_ = std::make_unique<Process>(disk_, process_life_, tabular_);
  held_ = false;
  interrupted_ = false;
  if (dice_.chance(0.2)) ++inputs_.version;
  const std::uint64_t life = process_life_;
  Process& process = *process_;
  // Of a predecessor that is dead for sure nothing has to be copied, but may be.
  const bool fresh_files = one_is_paused_ || dice_.chance(0.3);
  disk_.take_over(life);
  // Some die, or are passed by, before they have begun the journal, an epoch or another run.
  if (!trouble_over() && dice_.chance(0.2)) {
    const auto steps = static_cast<std::int64_t>(dice_.between(std::uint64_t{0}, std::uint64_t{40}));
    if (one_is_paused_ || dice_.chance(0.5)) {
      disk_.kill_after(steps);
    } else {
      disk_.pause_after(steps, [this] { pause_process(); });
    }
  }
  in_process([&] {
    auto opened = open_files(process, fresh_files);
    if (life != process_life_) return woken_start(opened, process);
    if (!opened) return start_failed("open", opened.error());
    if (must_refuse_) violated("a journal is gone on from in which a synced record is damaged");
    planned_ = planned_on(disk_);
    check_books(opened->job, false);
    check_output(opened->job);
    if (opened->job.ended == JobState::kComplete) {
      complete_ = true;
      return;
    }
    check_acknowledged(opened->job.ledger);
    const auto ended = opened->job.ended;
    // A success that came after the last try was committed as failed is answered and dropped: first commit
    // wins.
    if (ended)
      std::erase_if(acknowledged_, [&](const WorkId& id) { return opened->job.ledger.has_failed(id); });
    auto started = opened->committer->start(opened->job, process.plan->found().mini_batches);
    if (life != process_life_) {
      ++report_.woken_steps;
      if (started) violated("two orchestrators begin to serve");
      return;
    }
    if (!started) return start_failed("start", started.error());
    if (ended) {
      ++report_.failed_runs;
      healed_ = true;
      // What cannot be healed, as elements that are missing, ends the run again under the same threshold.
      if (dice_.chance(0.8)) thresholds_ = {};
    }
    check_books(opened->job, true);
    check_acknowledged(opened->job.ledger);
    serve(std::move(*opened));
  });
  if (process_ && !complete_ && !refused_ && life == process_life_) {
    tick();
    plan_on();
  }
}

Result<Committer::Opened> World::open_files(Process& process, bool fresh_files) {
  if (fresh_files) {
    if (auto passed_by = Committer::pass_by(process.disk); !passed_by) return passed_by.error();
  }
  auto plan = ProcessPlan::open(process.disk, fresh_files, inputs_);
  if (!plan) return plan.error();
  process.plan = std::move(*plan);
  return Committer::open(process.disk, *process.plan, committer_options(fresh_files));
}

void World::woken_start(Result<Committer::Opened>& opened, Process& process) {
  ++report_.woken_steps;
  if (opened && opened->job.ended != JobState::kComplete &&
      opened->committer->start(opened->job, process.plan->found().mini_batches)) {
    violated("two orchestrators begin to serve");
  }
}

void World::start_failed(const char* step, const Error& error) {
  if (may_refuse(error)) {
    ++report_.refusals;
    refused_ = true;
    process_.reset();
    return;
  }
  if (error.code != ErrorCode::kIo && error.code != ErrorCode::kNoSpace)
    violated(fmt::format("{}: {}", step, error.message));
  ++report_.disk_errors;
  end_process(false);
}

void World::serve(Committer::Opened opened) {
  process_->committer = std::move(opened.committer);
  process_->core = std::make_unique<orchestrator::Orchestrator>(
      options(), std::move(opened.job),
      orchestrator::Orchestrator::Planning{*process_->plan, process_->samples, *process_->plan}, *this,
      events_.now());
  const PlanExtent& plan = process_->plan->extent();
  process_->core->on_plan(plan.mini_batches, plan.items, plan.complete, events_.now());
  check_progress();
  after_call();
  // The launcher starts agents again that an earlier orchestrator had sent away.
  for (auto& agent : agents_) {
    if (agent->left()) agent->start();
  }
}

void World::end_process(bool power_lost) {
  process_.reset();
  disk_.kill_after(-1);
  if (power_lost) {
    ++report_.power_losses;
    nobody_paused_lives_ = true;
    disk_.lose_power();
    ++inputs_.version;
  }
  if (rots_ && dice_.chance(0.2)) decay();
  planned_ = planned_on(disk_);
  if (trouble_over()) disk_.faults = {};
  // Somebody makes room sooner or later.
  if (dice_.chance(0.5)) disk_.faults.capacity = ~0ULL;
  events_.after(dice_.between(Duration(milliseconds(5)), Duration(seconds(2))), [this] { start_process(); });
}

void World::tick() {
  events_.after(milliseconds(100), [this, life = process_life_] {
    if (!process_ || life != process_life_ || complete_) return;
    in_process([this] {
      process_->core->tick(events_.now());
      after_call();
      if (!process_) return;
      check_bounds();
      if (process_->core->result()) return;
      // An answer of a predecessor that was about to end the job may have come late and sent agents away.
      for (auto& agent : agents_) {
        if (agent->left()) agent->start();
      }
    });
    if (process_) tick();
  });
}

void World::plan_on() {
  events_.after(
      dice_.between(Duration(milliseconds(1)), Duration(milliseconds(300))), [this, life = process_life_] {
        if (!process_ || life != process_life_ || complete_) return;
        in_process([this] {
          Process& process = *process_;
          const std::uint64_t mine = process_life_;
          const Status planned = process.plan->plan(dice_.between(std::uint64_t{1}, std::uint64_t{40}));
          if (mine != process_life_) return;  // behind a successor
          const PlanExtent& plan = process.plan->extent();
          while (planned_.size() < plan.mini_batches) planned_.push_back(inputs_.at(planned_.size()));
          if (plan_fails_at_ && plan.mini_batches >= *plan_fails_at_) return fail_planning();
          if (!planned) {
            plan_has_failed_ = true;
            process.core->on_plan_failed(planned.error(), events_.now());
            return after_call();
          }
          process.core->on_plan(plan.mini_batches, plan.items, plan.complete, events_.now());
          process.core->on_samples(events_.now());
          after_call();
        });
        if (process_ && life == process_life_ && process_->core && !process_->core->result() &&
            !process_->plan->extent().complete) {
          plan_on();
        }
      });
}

// What the shell does after every call of the core.
void World::after_call() {
  auto ready = process_->core->take_ready();
  for (auto& [session, reply] : ready.leases) {
    if (reply) check_leases(session, **reply);
    const auto parked = process_->parked_leases.find(session);
    if (parked == process_->parked_leases.end()) continue;
    auto replied = std::move(parked->second);
    process_->parked_leases.erase(parked);
    if (reply) {
      replied(LeaseReply(**reply));
    } else {
      replied(reply.error());
    }
  }
  for (auto& [session, reply] : ready.reports) {
    const auto parked = process_->parked_reports.find(session);
    if (parked == process_->parked_reports.end()) continue;
    auto replied = std::move(parked->second);
    process_->parked_reports.erase(parked);
    replied(std::move(reply));
  }
  for (orchestrator::PartCutter::Request& request : process_->plan->take_wanted())
    cut_parts(std::move(request));
  if (auto group = process_->core->take_group(events_.now())) {
    ++report_.groups;
    const Duration takes = dice_.between(Duration(milliseconds(1)), Duration(milliseconds(30)));
    events_.after(takes, [this, life = process_life_, group = std::move(*group)] {
      if (life == process_life_) in_process([&] { write_group(group); });
    });
  }
  if (process_->core->finished()) job_ended();
}

void World::cut_parts(orchestrator::PartCutter::Request request) {
  const Duration takes = dice_.between(Duration(milliseconds(1)), Duration(milliseconds(400)));
  events_.after(takes, [this, life = process_life_, request = std::move(request)] {
    if (life != process_life_) return;
    in_process([&] {
      orchestrator::PartCutter::Cut cut = std::optional<std::vector<MiniBatch>>();
      if (!natures_[request.of.id.value].one_piece) cut = ProcessPlan::cut_now(request);
      process_->core->on_parts(request.number, std::move(cut), events_.now());
      after_call();
    });
  });
}

void World::write_group(const CommitGroup& group) {
  Process& process = *process_;
  const std::uint64_t life = process_life_;
  const Status done = process.committer->write(group);
  if (life != process_life_) return woken_writes(process, group, done);
  if (done) {
    for (const CommitEntry& entry : group.entries) books_.add(entry);
  }
  if (!done) {
    if (done.error().code == ErrorCode::kAborted) violated("the only orchestrator is taken for an old one");
    ++report_.disk_errors;
    return end_process(false);
  }
  const Duration takes = dice_.between(Duration(0), Duration(milliseconds(5)));
  events_.after(takes, [this, life, number = group.number] {
    if (life != process_life_) return;
    in_process([&] {
      process_->core->on_committed(number, events_.now());
      check_progress();
      after_call();
    });
  });
}

void World::hold(bool held) {
  in_process([&] {
    held_ = held;
    process_->core->hold(held, events_.now());
    after_call();
  });
}

void World::pause_process() {
  if (!process_ || complete_ || one_is_paused_) return;
  ++report_.takeovers;
  one_is_paused_ = true;
  nobody_paused_lives_ = false;
  paused_.push_back(std::move(process_));
  ++process_life_;
  start_process();
  const Time until = events_.now() + dice_.between(Duration(0), Duration(seconds(4)));
  while (!complete_ && report_.violations.empty() && events_.now() < until && events_.step()) {
  }
  one_is_paused_ = false;
  // Who is paused when the power goes does not wake up.
  if (nobody_paused_lives_) throw Killed{};
}

// What a process does that does not know that it has a successor. What it acknowledges must not be lost.
void World::woken_writes(Process& woken, CommitGroup group, Status written) {
  for (int more = 0;; ++more) {
    ++report_.woken_steps;
    if (!written) return;
    for (const CommitEntry& entry : group.entries) {
      if (entry.kind == CommitEntry::Kind::kSucceeded) acknowledged_.insert(entry.work);
    }
    woken.core->on_committed(group.number, events_.now());
    auto next = woken.core->take_group(events_.now());
    if (!next || more == 3) return;
    group = std::move(*next);
    written = woken.committer->write(group);
  }
}

void World::job_ended() {
  const JobState state = process_->core->result()->state;
  check_result(*process_->core->result());
  if (state == JobState::kInterrupted) ++report_.interrupts;
  process_.reset();
  if (state == JobState::kComplete) complete_ = true;
  for (auto& agent : agents_) agent->crash();
  if (complete_) return;
  // The same command again.
  events_.after(seconds(1), [this] {
    start_process();
    for (auto& agent : agents_) agent->start();
  });
}

// --- the network
// -----------------------------------------------------------------------------------------------

bool World::cut_off(const std::string& agent) const {
  const auto found = cut_off_until_.find(agent);
  return found != cut_off_until_.end() && events_.now() < found->second;
}

template <typename Deliver>
void World::carry(const std::string& agent, Deliver deliver) {
  const auto once = [&] {
    if (cut_off(agent) || (!trouble_over() && dice_.chance(loss_))) return;
    const Duration takes = dice_.chance(0.02)
                               ? dice_.between(Duration(milliseconds(100)), Duration(seconds(3)))
                               : dice_.between(Duration(milliseconds(0)), Duration(milliseconds(8)));
    events_.after(takes, deliver);
  };
  once();
  if (!trouble_over() && dice_.chance(0.03)) once();
}

template <typename Reply>
AgentNetwork::Replied<Reply> World::over_network(const std::string& agent, Replied<Reply> replied) {
  return [this, agent, replied = std::move(replied)](Result<Reply> reply) {
    carry(agent, [replied, reply = std::move(reply)] { replied(reply); });
  };
}

void World::send(const std::string& agent, RegisterRequest request, Replied<RegisterReply> replied) {
  carry(agent, [this, agent, request, replied = std::move(replied)] {
    in_process([&] {
      if (!process_->core) return;
      ++report_.sessions;
      auto reply = process_->core->on_register(request, events_.now());
      over_network(agent, replied)(std::move(reply));
      after_call();
    });
  });
}

void World::send(const std::string& agent, LeaseRequest request, Replied<LeaseReply> replied) {
  carry(agent, [this, agent, request, replied = std::move(replied)] {
    in_process([&] {
      if (!process_->core) return;
      auto reply = process_->core->on_lease(request, events_.now());
      auto back = over_network(agent, replied);
      if (!reply) {
        back(reply.error());
      } else if (*reply) {
        check_leases(request.session, **reply);
        back(LeaseReply(**reply));
      } else {
        process_->parked_leases[request.session] = std::move(back);
      }
      after_call();
    });
  });
}

void World::send(const std::string& agent, ReportRequest request, Replied<ReportReply> replied) {
  carry(agent, [this, agent, request, replied = std::move(replied)] {
    in_process([&] {
      if (!process_->core) return;
      const std::uint64_t session = request.session;
      auto reply = process_->core->on_report(ReportRequest(request), events_.now());
      auto back = over_network(agent, replied);
      if (!reply) {
        back(reply.error());
      } else if (*reply) {
        back(ReportReply(**reply));
      } else {
        process_->parked_reports[session] = std::move(back);
      }
      after_call();
    });
  });
}

Report simulate(std::uint64_t seed) { return World(seed).run(); }

}  // namespace parallelrun::simulation
