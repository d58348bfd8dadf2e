#include "tests/simulation/real_agent.h"

#include <algorithm>
#include <utility>

#include "spdlog/fmt/fmt.h"

namespace parallelrun::simulation {
namespace {

using agent::SlotIndex;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kTick = milliseconds(50);
constexpr Duration kRunTimeout = seconds(3);
constexpr Duration kHangs = std::chrono::hours(10);

unsigned status_of(const Error& error, bool registering) {
  if (error.code == ErrorCode::kConflict) return registering ? 403 : 409;
  return error.code == ErrorCode::kInvalidArgument || error.code == ErrorCode::kCorrupt ? 400 : 500;
}

std::uint64_t stamp_of(Time now) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(now.time_since_epoch()).count());
}

}  // namespace

RealAgent::RealAgent(std::string name, std::uint32_t slots, Dice& dice, Events& events, AgentNetwork& network,
                     AgentWorld world)
    : name_(std::move(name)),
      slots_(slots),
      dice_(dice),
      events_(events),
      network_(network),
      world_(std::move(world)) {}

void RealAgent::later(Duration wait, std::function<void()> what) {
  events_.after(wait, [this, life = life_, what = std::move(what)]() mutable {
    if (life != life_ || !running_) return;
    if (events_.now() >= still_until_) return what();
    later(still_until_ - events_.now(), std::move(what));
  });
}

void RealAgent::later_in(SlotIndex slot, Duration wait, std::function<void()> what) {
  later(wait, [this, slot, number = processes_[slot].number, what = std::move(what)] {
    if (!processes_[slot].alive || processes_[slot].number != number) return;
    what();
    said_all();
  });
}

void RealAgent::start() {
  ++life_;
  running_ = true;
  left_ = false;
  broken_ = world_.init_fails();
  in_flight_.clear();
  ++alarm_;
  processes_.assign(slots_, {});
  logs_ = std::make_unique<agent::LogStreams>();
  outbox_ = std::make_unique<agent::Outbox>();
  core_.reset();
  agent::OrchestratorLink::Options options;
  options.registration.agent_name = name_;
  options.registration.node = "10.0.0.1";
  options.registration.slots = slots_;
  link_ = std::make_unique<agent::OrchestratorLink>(options, *this, *outbox_, *logs_, *this);
  later(dice_.between(Duration(0), kTick), [this] {
    link_->start(events_.now());
    tick();
  });
}

void RealAgent::crash() {
  ++life_;
  running_ = false;
}

void RealAgent::stand_still(Duration time) { still_until_ = std::max(still_until_, events_.now() + time); }

void RealAgent::tick() {
  said_all();
  later(kTick, [this] { tick(); });
}

// What the shell around core and link does after every event.
void RealAgent::said_all() {
  if (!running_) return;
  if (core_) core_->advance(events_.now());
  link_->pump(events_.now());
}

// --- the link
// --------------------------------------------------------------------------------------------------

template <typename Request, typename Reply>
void RealAgent::ask(Lane lane, std::uint64_t request, const Result<Request>& decoded,
                    std::function<void(const Reply&)> heard) {
  if (!decoded) return world_.violated("an agent sends what cannot be read: " + decoded.error().message);
  constexpr bool kRegisters = std::is_same_v<Request, RegisterRequest>;
  network_.send(name_, *decoded, [this, life = life_, lane, request, heard](Result<Reply> reply) {
    if (life != life_) return;
    later(Duration(0), [this, lane, request, heard, reply = std::move(reply)] {
      const auto waits = in_flight_.find(lane);
      if (waits == in_flight_.end() || waits->second.first != request) return;  // given up, or doubled
      if (reply && heard) heard(*reply);
      answered(lane, request,
               reply ? Answer{200, encode(*reply)}
                     : Answer{status_of(reply.error(), kRegisters), reply.error().message});
    });
  });
}

void RealAgent::post(Lane lane, const std::string& path, std::string body, milliseconds timeout, Done done) {
  if (in_flight_.count(lane) > 0) return world_.violated("an agent sends two requests on one lane");
  const std::uint64_t request = next_request_++;
  in_flight_[lane] = {request, std::move(done)};
  later(timeout, [this, lane, request] {
    answered(lane, request, Error{ErrorCode::kUnavailable, "no answer in time", true});
  });
  if (path == "/v1/register") {
    ask<RegisterRequest, RegisterReply>(lane, request, decode_register_request(body), {});
  } else if (path == "/v1/lease") {
    ask<LeaseRequest, LeaseReply>(lane, request, decode_lease_request(body), {});
  } else {
    auto report = decode_report_request(body);
    // After the end of a failed run results are dropped, and the answer says so: it is kAbort.
    ask<ReportRequest, ReportReply>(
        lane, request, report,
        [this, results = report ? report->results : std::vector<AttemptResult>()](const ReportReply& reply) {
          if (reply.directive != Directive::kAbort) world_.acknowledged(results);
        });
  }
}

void RealAgent::answered(Lane lane, std::uint64_t request, Result<Answer> answer) {
  const auto waits = in_flight_.find(lane);
  if (waits == in_flight_.end() || waits->second.first != request) return;
  const Done done = std::move(waits->second.second);
  in_flight_.erase(waits);
  done(std::move(answer), events_.now());
  said_all();
}

void RealAgent::cancel(Lane lane) { in_flight_.erase(lane); }

void RealAgent::wake(agent::Time when, std::function<void(agent::Time)> then) {
  later(std::max(Duration(0), when - events_.now()), [this, alarm = ++alarm_, then = std::move(then)] {
    if (alarm == alarm_) then(events_.now());
  });
}

bool RealAgent::on_registered(const RegisterReply& reply) {
  if (!core_) {
    agent::AgentCore::Options options;
    options.slots = slots_;
    options.run_timeout = kRunTimeout;
    options.overhead_timeout = seconds(20);
    options.init_timeout = seconds(30);
    core_ = std::make_unique<agent::AgentCore>(options, *this, *outbox_, *this);
    core_->on_session(reply.session_timeout, events_.now());
    core_->on_environment_ready(events_.now());
  } else {
    core_->on_session(reply.session_timeout, events_.now());
  }
  return true;
}

void RealAgent::fill_counts(ReportRequest& report) {
  report.processes_ready = core_->processes_ready();
  report.inits_succeeded = core_->inits_succeeded();
  report.slots_given_up = core_->slots_given_up();
  report.inside = core_->tell_inside();
}

// The link is done with everything; it is still on the stack.
void RealAgent::on_left() {
  left_ = true;
  crash();
}

void RealAgent::on_hopeless(std::string why) {
  world_.violated("agent " + name_ + " gives up: " + why);
  crash();
}

// --- worker processes
// ------------------------------------------------------------------------------------------

void RealAgent::start(SlotIndex slot) {
  Process& process = processes_[slot];
  if (process.alive) return world_.violated("a process is started in a slot that has one");
  const std::uint64_t number = process.number + 1;
  process = {};
  process.number = number;
  process.alive = true;
  later_in(slot, dice_.between(milliseconds(1), milliseconds(300)), [this, slot] {
    Process& started = processes_[slot];
    if (broken_) {
      core_->on_init_failed(slot, started.number,
                            {ErrorPhase::kInit, "RuntimeError", "no model", "Traceback"}, events_.now());
      later_in(slot, milliseconds(5), [this, slot] { exit(slot, "ExitStatus"); });
      return;
    }
    started.ready = true;
    core_->on_ready(slot, events_.now());
    if (!started.tasks.empty() || started.leaving) work(slot);
  });
}

void RealAgent::announce(SlotIndex slot, const InputInfo& info) {
  processes_[slot].types[info.input] = version_of(info.types);
}

void RealAgent::run(SlotIndex slot, const Lease& lease) {
  Process& process = processes_[slot];
  if (!process.alive || process.leaving) world_.violated("a task is given to a process that is gone");
  const auto types = process.types.find(lease.input);
  process.tasks.push_back({lease, types == process.types.end() ? "-" : types->second, false});
  if (process.tasks.size() == 1 && process.ready) {
    later_in(slot, dice_.between(Duration(0), Duration(milliseconds(1))), [this, slot] { work(slot); });
  }
}

void RealAgent::take_back(SlotIndex slot) {
  for (Task& task : processes_[slot].tasks) task.taken_back = true;
}

void RealAgent::shut_down(SlotIndex slot) {
  processes_[slot].leaving = true;
  later_in(slot, milliseconds(1), [this, slot] { work(slot); });
}

void RealAgent::kill(SlotIndex slot) {
  Process& process = processes_[slot];
  if (!process.alive) return world_.violated("a process is killed that has ended");
  if (std::exchange(process.killed, true)) return;
  later_in(slot, dice_.between(milliseconds(1), milliseconds(20)), [this, slot] { exit(slot, "SIGKILL"); });
}

void RealAgent::exit(SlotIndex slot, const char* type) {
  Process& process = processes_[slot];
  process.alive = false;
  process.tasks.clear();
  core_->on_exit(slot, {process.number, type, "the process was killed", "", process.stamp}, events_.now());
}

// Takes up the next task, if none is being worked on.
void RealAgent::work(SlotIndex slot) {
  Process& process = processes_[slot];
  if (process.busy || process.killed || !process.ready) return;
  while (!process.tasks.empty() && process.tasks.front().taken_back) {
    const std::uint64_t attempt = process.tasks.front().lease.attempt;
    process.tasks.pop_front();
    core_->on_skipped(slot, attempt, events_.now());
  }
  if (process.tasks.empty()) {
    if (!process.leaving) return;
    core_->on_bye(slot, process.number, std::nullopt, events_.now());
    later_in(slot, dice_.between(milliseconds(1), milliseconds(30)),
             [this, slot] { exit(slot, "ExitStatus"); });
    return;
  }
  const Task& task = process.tasks.front();
  process.busy = true;
  process.stamp = {static_cast<std::uint64_t>(channel::Phase::kInRun), task.lease.attempt,
                   stamp_of(events_.now()), task.lease.items, process.stamp.taken_back};
  AttemptResult result = outcome_of(task.lease, task.types, world_, dice_);
  const bool fails = result.outcome != Outcome::kSucceeded;
  const Duration takes = fails && dice_.chance(0.1) ? kHangs
                         : dice_.chance(0.03)       ? dice_.between(milliseconds(200), milliseconds(2500))
                                                    : dice_.between(milliseconds(1), milliseconds(60));
  later_in(slot, takes, [this, slot, result] { finish(slot, result); });
}

void RealAgent::finish(SlotIndex slot, AttemptResult result) {
  Process& process = processes_[slot];
  if (process.killed) return;  // it will not come to say so
  if (result.outcome == Outcome::kDied) return exit(slot, "SIGSEGV");
  process.busy = false;
  process.tasks.pop_front();
  process.stamp.phase = static_cast<std::uint64_t>(channel::Phase::kIdle);
  process.stamp.since_ns = stamp_of(events_.now());
  result.run_us = result.duration_us = 1000;
  core_->on_result(slot, std::move(result), events_.now());
  work(slot);
}

}  // namespace parallelrun::simulation
