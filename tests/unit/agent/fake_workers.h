// Worker processes that move when a test drives them: each holds its tasks in order and a stamp page.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "runner/agent/agent_core.h"

namespace parallelrun::agent {

struct GivenTask : Lease {
  bool taken_back = false;
};

struct FakeProcess {
  bool alive = false;
  bool killed = false;
  bool shutting_down = false;
  int take_backs = 0;
  ProcessLook look;
  int dumps = 0;
  std::deque<GivenTask> tasks;
  channel::Stamp stamp{};
};

class FakeWorkers : public WorkerControl {
 public:
  explicit FakeWorkers(std::uint32_t slots) : processes(slots) {}

  void start(SlotIndex slot) override {
    if (processes[slot].alive) ++violations;
    processes[slot] = FakeProcess{};
    processes[slot].alive = true;
    ++starts;
  }
  void announce(SlotIndex, const InputInfo& info) override { announced.push_back(info.types); }
  void run(SlotIndex slot, const Lease& lease) override {
    if (!processes[slot].alive || processes[slot].shutting_down) ++violations;
    processes[slot].tasks.push_back({lease});
  }
  void take_back(SlotIndex slot) override {
    FakeProcess& process = processes[slot];
    ++process.take_backs;
    for (GivenTask& task : process.tasks) task.taken_back = true;
  }
  void shut_down(SlotIndex slot) override { processes[slot].shutting_down = true; }
  void dump_stack(SlotIndex slot) override { ++processes[slot].dumps; }
  void kill(SlotIndex slot) override {
    if (!processes[slot].alive) ++violations;
    processes[slot].killed = true;
  }
  channel::Stamp stamp(SlotIndex slot) const override { return processes[slot].stamp; }
  ProcessLook look(SlotIndex slot) const override { return processes[slot].look; }

  std::vector<FakeProcess> processes;
  std::vector<std::string> announced;
  int starts = 0;
  int violations = 0;  // of WorkerControl's preconditions
};

class FakeObserver : public AttemptObserver {
 public:
  void picked_up(SlotIndex, const Lease& lease, std::int64_t) override { picked.push_back(lease.attempt); }
  void done(SlotIndex, const AttemptResult& result, const Lease&) override {
    done_.push_back(result.attempt);
    // One that does not end is given up in between, whatever else ends.
    if (result.outcome == Outcome::kDied && result.error.type != "Unkillable") died.push_back(result.attempt);
  }
  std::vector<std::uint64_t> picked;
  std::vector<std::uint64_t> done_;
  std::vector<std::uint64_t> died;  // charged with the death of their process
};

// A core with its surroundings, at a time that the test moves.
class Stage {
 public:
  explicit Stage(std::uint32_t slots = 1, Outbox::Limits limits = {}, DataControl* data = nullptr)
      : workers(slots), outbox(limits) {
    options.slots = slots;
    options.run_timeout = std::chrono::seconds(10);
    options.init_timeout = std::chrono::seconds(30);
    core.emplace(options, workers, outbox, observer, data);
  }

  // Registered, with initialized processes.
  Stage& ready() {
    core->on_session(std::chrono::seconds(20), now);
    core->on_environment_ready(now);
    for (SlotIndex slot = 0; slot < options.slots; ++slot) core->on_ready(slot, now);
    return *this;
  }

  void lease(std::vector<std::uint64_t> attempts, Directive directive = Directive::kRun) {
    LeaseReply reply;
    reply.directive = directive;
    for (const std::uint64_t attempt : attempts) {
      Lease lease;
      lease.attempt = attempt;
      lease.work = {attempt};
      lease.items = 10;
      reply.leases.push_back(lease);
    }
    core->on_lease_reply(std::move(reply), now);
  }

  void enter(SlotIndex slot, std::uint64_t task, channel::Phase phase = channel::Phase::kInRun) {
    workers.processes[slot].stamp = {
        static_cast<std::uint64_t>(phase), task,
        static_cast<std::uint64_t>(now.time_since_epoch() / std::chrono::nanoseconds(1)), 10, 0};
  }

  void result(SlotIndex slot, std::uint64_t task, Duration took = std::chrono::milliseconds(1)) {
    AttemptResult out;
    out.attempt = task;
    out.items = out.returned = 10;
    out.duration_us = out.run_us = static_cast<std::uint64_t>(took / std::chrono::microseconds(1));
    workers.processes[slot].stamp.phase = 0;
    workers.processes[slot].stamp.since_ns =
        static_cast<std::uint64_t>(now.time_since_epoch() / std::chrono::nanoseconds(1));
    std::erase_if(workers.processes[slot].tasks, [&](const Lease& lease) { return lease.attempt == task; });
    core->on_result(slot, std::move(out), now);
    core->advance(now);
  }

  void exit(SlotIndex slot, const std::string& type = "SIGSEGV") {
    FakeProcess& process = workers.processes[slot];
    process.alive = false;
    core->on_exit(slot, {77, type, "the process was killed by " + type, "its last words", process.stamp, 0},
                  now);
  }

  // Lets time pass as the agent's tick does.
  void pass(Duration duration) {
    const Time end = now + duration;
    while (now < end) {
      now = std::min(end, now + std::chrono::milliseconds(500));
      core->on_contact(now);
      core->advance(now);
    }
  }

  ReportRequest report() {
    ReportRequest report;
    outbox.fill(report);
    outbox.acknowledged(report);
    return report;
  }

  FakeProcess& process(SlotIndex slot) { return workers.processes[slot]; }

  AgentCore::Options options;
  FakeWorkers workers;
  FakeObserver observer;
  Outbox outbox;
  std::optional<AgentCore> core;
  Time now = Time(std::chrono::hours(1));
};

}  // namespace parallelrun::agent
