#include "tests/simulation/model_agent.h"

#include <algorithm>
#include <utility>

#include "spdlog/fmt/fmt.h"

namespace parallelrun::simulation {
namespace {

using std::chrono::milliseconds;
constexpr Duration kStep = milliseconds(20);
constexpr Duration kPatience = milliseconds(1500);  // for an answer, before a request is sent again
constexpr Duration kHeartbeat = milliseconds(200);
}  // namespace

ModelAgent::ModelAgent(std::string name, std::uint32_t slots, Dice& dice, Events& events,
                       AgentNetwork& network, AgentWorld world)
    : name_(std::move(name)),
      slots_(slots),
      dice_(dice),
      events_(events),
      network_(network),
      world_(std::move(world)) {}

void ModelAgent::later(Duration wait, std::function<void()> what) {
  events_.after(wait, [this, life = life_, what = std::move(what)]() mutable {
    if (life != life_ || !running_) return;
    if (events_.now() >= still_until_) return what();
    // What would have happened while it stood still happens when it goes on.
    later(still_until_ - events_.now(), std::move(what));
  });
}

void ModelAgent::start() {
  ++life_;
  running_ = true;
  left_ = false;
  session_ = 0;
  registering_ = false;
  asking_.reset();
  reporting_.reset();
  queue_.clear();
  busy_.clear();
  outbox_.clear();
  old_.reset();
  directive_ = Directive::kRun;
  broken_ = breaks_ = world_.init_fails();
  later(dice_.between(Duration(0), kStep), [this] { act(); });
}

void ModelAgent::crash() {
  ++life_;
  running_ = false;
}

void ModelAgent::stand_still(Duration time) { still_until_ = std::max(still_until_, events_.now() + time); }

void ModelAgent::act() {
  if (left_) return;
  if (session_ == 0) {
    register_anew();
  } else {
    ask();
    report();
  }
  later(kStep, [this] { act(); });
}

void ModelAgent::register_anew() {
  if (registering_ && events_.now() - asked_at_ < kPatience) return;
  registering_ = true;
  asked_at_ = events_.now();
  RegisterRequest request;
  request.agent_name = name_;
  request.node = "10.0.0.1";
  request.slots = slots_;
  network_.send(name_, request, [this, life = life_](Result<RegisterReply> reply) {
    if (life != life_ || !running_ || session_ != 0 || !reply) return;
    registering_ = false;
    session_ = reply->session;
    lease_sequence_ = report_sequence_ = 0;
    asking_.reset();
    reporting_.reset();
    queue_.clear();  // leases of another session; what runs is reported nevertheless
    types_.clear();
    breaks_ = broken_;
    directive_ = Directive::kRun;
  });
}

void ModelAgent::ask() {
  if (asking_ && events_.now() - asked_at_ < kPatience) return;
  if (!asking_) {
    const std::size_t holds = queue_.size() + busy_.size();
    const std::size_t wanted = broken_ ? 0 : std::size_t{slots_} * 4;
    if (directive_ == Directive::kRun && holds >= wanted) return;
    asking_ = LeaseRequest{session_, ++lease_sequence_,
                           static_cast<std::uint32_t>(wanted - std::min(wanted, holds))};
  }
  asked_at_ = events_.now();
  network_.send(name_, *asking_, [this, life = life_, sent = *asking_](Result<LeaseReply> reply) {
    if (life != life_ || !running_ || session_ != sent.session || !asking_ ||
        asking_->sequence != sent.sequence)
      return;
    if (!reply) {
      if (reply.error().code == ErrorCode::kConflict) session_ = 0;
      return;
    }
    asking_.reset();
    take(*reply);
  });
}

void ModelAgent::take(const LeaseReply& reply) {
  for (const std::uint64_t attempt : reply.revoked) {
    busy_.erase(attempt);
    std::erase_if(queue_, [attempt](const Lease& lease) { return lease.attempt == attempt; });
  }
  for (const InputInfo& info : reply.input_infos) types_[info.input] = version_of(info.types);
  queue_.insert(queue_.end(), reply.leases.begin(), reply.leases.end());
  obey(reply.directive);
  while (broken_ && !queue_.empty()) return_last();
  // Slower than thought: some are handed back.
  if (queue_.size() > 1 && dice_.chance(0.05)) return_last();
  run_next();
}

void ModelAgent::return_last() {
  AttemptResult result;
  result.kind = queue_.back().kind;
  result.attempt = queue_.back().attempt;
  result.seal = queue_.back().seal;
  result.work = queue_.back().work;
  result.outcome = Outcome::kReturned;
  outbox_.push_back(result);
  queue_.pop_back();
}

void ModelAgent::obey(Directive directive) {
  directive_ = directive;
  if (directive != Directive::kAbort) return;
  queue_.clear();
  busy_.clear();
}

void ModelAgent::run_next() {
  while (busy_.size() < slots_ && !queue_.empty()) {
    const Lease lease = queue_.front();
    queue_.pop_front();
    busy_[lease.attempt] = lease;
    const auto types = types_.find(lease.input);
    const std::string version = types == types_.end() ? "-" : types->second;
    const Duration takes = dice_.chance(0.05) ? dice_.between(milliseconds(200), milliseconds(3000))
                                              : dice_.between(milliseconds(1), milliseconds(60));
    later(takes, [this, lease, version] {
      if (busy_.erase(lease.attempt) == 0) return;  // revoked or aborted
      AttemptResult result = outcome_of(lease, version, world_, dice_);
      // As a process that is taken down with an inference by others than its agent.
      if (lease.kind == LeaseKind::kInferTypes && dice_.chance(0.2)) result.outcome = Outcome::kReturned;
      outbox_.push_back(std::move(result));
      if (dice_.chance(0.02)) old_ = outbox_.back();
      run_next();
    });
  }
}

void ModelAgent::report() {
  const bool leaving = directive_ != Directive::kRun && queue_.empty() && busy_.empty();
  if (reporting_) {
    if (events_.now() - reported_at_ < kPatience) return;
  } else {
    if (!leaving && outbox_.empty() && events_.now() - reported_at_ < kHeartbeat) return;
    reporting_ = ReportRequest{};
    reporting_->session = session_;
    reporting_->sequence = ++report_sequence_;
    reporting_->results = std::exchange(outbox_, {});
    if (old_) reporting_->results.push_back(*std::exchange(old_, {}));
    reporting_->processes_ready = broken_ ? 0 : slots_;
    reporting_->inits_succeeded = broken_ ? 0 : slots_;
    reporting_->slots_given_up = broken_ ? slots_ : 0;
    if (std::exchange(breaks_, false)) {
      for (std::uint32_t i = 0; i < slots_; ++i) {
        ProcessFailure failure;
        failure.process = fmt::format("process{:03}", i);
        failure.error = {ErrorPhase::kInit, "RuntimeError", "no model", "Traceback"};
        reporting_->failures.push_back(failure);
      }
    }
    reporting_->leaving = leaving;
    for (const auto& [attempt, lease] : busy_) reporting_->inside.push_back(attempt);
  }
  reported_at_ = events_.now();
  network_.send(
      name_, *reporting_,
      [this, life = life_, sequence = reporting_->sequence, session = session_](Result<ReportReply> reply) {
        if (life != life_ || !running_ || session_ != session || !reporting_ ||
            reporting_->sequence != sequence)
          return;
        if (!reply) {
          if (reply.error().code != ErrorCode::kConflict) return;
          session_ = 0;
          outbox_.insert(outbox_.begin(), reporting_->results.begin(), reporting_->results.end());
          reporting_.reset();
          return;
        }
        // After the end of a failed run results are dropped, and the answer says so: it is kAbort.
        if (reply->directive != Directive::kAbort) world_.acknowledged(reporting_->results);
        left_ = reporting_->leaving;
        reporting_.reset();
        obey(reply->directive);
      });
}

}  // namespace parallelrun::simulation
