#include "runner/orchestrator/orchestrator.h"

#include <algorithm>
#include <string_view>

#include "runner/orchestrator/lease_seal.h"
#include "runner/wire/wire.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun::orchestrator {

Orchestrator::Orchestrator(Options options, RecoveredJob job, const Planning& planning, JobObserver& observer,
                           Time now)
    : options_(std::move(options)),
      job_(std::move(job)),
      source_(planning.source),
      parts_(planning.parts),
      observer_(observer),
      gate_(planning.samples, options_.input_names.size(), std::move(job_.types), options_.run_max_try),
      now_(now),
      last_registered_(now),
      last_progress_(now),
      started_(now),
      ledger_(std::move(job_.ledger)),
      durable_(ledger_.counts()) {
  for (const ScriptError& error : job_.first_errors) first_errors_.add(error);
  if (auto done = source_.skip_to(MiniBatchId{ledger_.frontier()}); !done) on_plan_failed(done.error(), now);
}

// --- sessions
// ------------------------------------------------------------------------------------------------

// A machine or process that stood still has heard nobody, though everybody may have spoken: all that waits
// for silence waits longer by that time.
void Orchestrator::observe(Time now) {
  const Duration gap = now - now_;
  if (gap > options_.standstill) {
    for (auto& [id, session] : sessions_) session.last_heard += gap;
    if (ending_) ending_->abort_until += gap;
    last_registered_ += gap;
    last_progress_ += gap;
    started_ += gap;
  }
  now_ = std::max(now_, now);
}

Session* Orchestrator::live(std::uint64_t session) {
  const auto found = sessions_.find(session);
  return found == sessions_.end() ? nullptr : &found->second;
}

Error Orchestrator::unknown_session() {
  return Error{ErrorCode::kConflict, "the session has ended; register again"};
}

std::uint32_t Orchestrator::live_sessions() const {
  return static_cast<std::uint32_t>(std::count_if(sessions_.begin(), sessions_.end(),
                                                  [](const auto& entry) { return !entry.second.left; }));
}

Directive Orchestrator::directive() const {
  // An agent that is told to leave is gone for good: not before the reason is durable, else a crash now would
  // leave a job that goes on without agents.
  if (!ending_ || durable_group_ < ending_->evidence_group) return Directive::kRun;
  if (ending_->abort) return Directive::kAbort;
  return end_is_durable() ? Directive::kDrain : Directive::kRun;
}

bool Orchestrator::speaks_for(std::string_view agent, std::uint64_t session) const {
  const auto found = sessions_.find(session);
  return found != sessions_.end() && found->second.agent.name == agent;
}

bool Orchestrator::on_sign_of_life(std::string_view agent, Time now) {
  observe(now);
  const auto found = newest_session_.find(agent);
  if (found == newest_session_.end()) return false;
  Session& session = sessions_.at(found->second);
  if (!session.left) heard(session, now);
  return true;
}

std::uint64_t Orchestrator::new_session() {
  for (;;) {
    std::string number;
    wire::Writer out(number);
    out.u64(job_.epoch);  // never a number of an earlier life, whatever the key
    out.u64(next_session_++);
    const std::uint64_t id = siphash(options_.session_key, number);
    if (id != 0 && !sessions_.contains(id)) return id;
  }
}

Result<RegisterReply> Orchestrator::on_register(const RegisterRequest& request, const std::string& proof,
                                                Time now) {
  observe(now);
  if (request.agent_name.empty()) {
    return Error{ErrorCode::kInvalidArgument, "a registration needs agent_name"};
  }
  const std::uint32_t slots = request.slots != 0 ? request.slots : options_.slots_per_agent;
  if (!options_.code_hash.empty() && !request.code_hash.empty() && request.code_hash != options_.code_hash) {
    return Error{ErrorCode::kConflict,
                 fmt::format("agent {} on {} has other code in its source directory (hash {}) than the job "
                             "({}); give all agents the same code",
                             request.agent_name, request.node, request.code_hash, options_.code_hash)};
  }
  const auto earlier = newest_session_.find(request.agent_name);
  if (earlier != newest_session_.end() && !sessions_.at(earlier->second).left) {
    Session& session = sessions_.at(earlier->second);
    if (session.proof != proof && now - session.last_heard < options_.session_timeout) {
      return Error{
          ErrorCode::kUnavailable,
          fmt::format("agent {} is registered already, and this one does not prove that it is the same; it "
                      "can register when the other one has been silent for {} s",
                      request.agent_name, std::chrono::duration<double>(options_.session_timeout).count()),
          true};
    }
    lose_session(session, request.predecessor_end.empty() ? "came back as a new session"
                                                          : "it " + one_line(request.predecessor_end));
  }
  lost_.erase(request.agent_name);
  remember_cut_off(request.agent_name, request.predecessor_end);
  const std::uint64_t id = new_session();
  Session& session = sessions_[id];
  session.agent = {id, request.agent_name, request.node, slots};
  session.proof = proof;
  newest_session_[request.agent_name] = id;
  session.last_heard = now;
  last_registered_ = now;
  observer_.on_agent_came(session.agent);

  RegisterReply reply;
  reply.session = id;
  reply.epoch = job_.epoch;
  reply.heartbeat = options_.heartbeat;
  reply.session_timeout = options_.session_timeout;
  reply.job = options_.job;
  return reply;
}

// Frees what it holds. The session itself stays until its silence is over, without a right to anything, if
// its last report is still to be answered; else it is forgotten by the next expire_sessions().
void Orchestrator::end_session(Session& session, std::string_view why) {
  std::uint64_t freed = 0;
  book_.for_each_lease_of(session.agent.session, [this, &freed](LeaseBook::Entry& entry) {
    book_.release(entry, true);
    ++freed;
  });
  gate_.on_session_end(session.agent.session);
  session.left = true;
  session.alone_with.reset();
  if (reserved_ == session.agent.session) reserved_ = 0;
  session.processes_ready = 0;
  look_for_work_ = true;
  observer_.on_agent_gone(session.agent, why, freed);
}

void Orchestrator::heard(Session& session, Time now) {
  session.last_heard = now;
  if (std::exchange(session.told_silent, false)) observer_.on_agent_answers(session.agent);
}

void Orchestrator::watch_silence(Session& session, Time now) {
  if (session.left || session.told_silent || now - session.last_heard < options_.session_timeout / 2) return;
  session.told_silent = true;
  for (const Silence& silence : silences()) {
    if (silence.agent.session == session.agent.session) observer_.on_agent_silent(silence);
  }
}

std::vector<Silence> Orchestrator::silences() const {
  const auto whole = [](Duration time) { return std::chrono::duration_cast<std::chrono::seconds>(time); };
  std::vector<Silence> all;
  for (const auto& [id, session] : sessions_) {
    if (session.left || !session.told_silent) continue;
    const Duration silent = now_ - session.last_heard;
    all.push_back({session.agent, whole(silent), book_.held_by(id),
                   std::max(std::chrono::seconds(1),
                            std::chrono::ceil<std::chrono::seconds>(patience_with(session) - silent))});
  }
  // What is missing beside as many as there shall be is nobody's concern.
  if (live_sessions() >= options_.expected_agents) return all;
  for (const auto& [name, lost] : lost_) {
    all.push_back(
        {lost.agent, whole(now_ - lost.last_heard), lost.mini_batches, whole(lost.handed_over - now_)});
  }
  return all;
}

void Orchestrator::expire_sessions(Time now) {
  for (auto it = sessions_.begin(); it != sessions_.end();) {
    Session& session = it->second;
    if (now - session.last_heard < patience_with(session)) {
      watch_silence(session, now);
      ++it;
      continue;
    }
    if (!session.left) {
      const auto silent = std::chrono::duration<double>(now - session.last_heard).count();
      lost_[session.agent.name] = {session.agent, session.last_heard, now, book_.held_by(it->first)};
      lose_session(session, fmt::format("silent for {:.1f} s", silent));
    }
    const auto newest = newest_session_.find(session.agent.name);
    if (newest != newest_session_.end() && newest->second == it->first) newest_session_.erase(newest);
    it = sessions_.erase(it);
  }
}

// --- requests
// ------------------------------------------------------------------------------------------------

Result<std::shared_ptr<const LeaseReply>> Orchestrator::on_lease(const LeaseRequest& request, Time now) {
  observe(now);
  Session* session = live(request.session);
  if (session == nullptr || session->left) return unknown_session();
  Session::LeaseChannel& channel = session->lease;
  if (request.sequence < channel.sequence || request.sequence == 0) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("lease request {} came after number {}", request.sequence, channel.sequence)};
  }
  heard(*session, now);
  if (request.sequence == channel.sequence && !channel.parked) return channel.reply;
  if (request.sequence > channel.sequence) {
    channel.sequence = request.sequence;
    channel.want = request.want;
    channel.reply.reset();
  }
  if (!channel.parked) {
    channel.reply = grant(*session);
    decide_end(now);
    if (channel.reply) return channel.reply;
    channel.parked = true;
    parked_.push_back(request.session);
  }
  channel.parked_until = now + options_.lease_poll;
  return LeaseAnswer();
}

Result<std::optional<ReportReply>> Orchestrator::on_report(ReportRequest&& request, Time now) {
  observe(now);
  Session* session = live(request.session);
  if (session == nullptr) return unknown_session();
  Session::ReportChannel& channel = session->report;
  if (request.sequence < channel.sequence || request.sequence == 0) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("report {} came after number {}", request.sequence, channel.sequence)};
  }
  const bool again = request.sequence == channel.sequence;
  if (!again && session->left) return unknown_session();
  heard(*session, now);
  if (again) return channel.parked ? std::optional<ReportReply>() : std::optional(ReportReply{directive()});

  channel.sequence = request.sequence;
  if (!request.logs.empty()) observer_.on_logs(session->agent, std::move(request.logs));
  session->processes_ready = request.processes_ready;
  session->inits_succeeded = request.inits_succeeded;
  session->slots_given_up = request.slots_given_up;
  session->inside = std::move(request.inside);
  script_works_ = script_works_ || request.inits_succeeded > 0;
  std::uint64_t refused = 0;
  for (AttemptResult& result : request.results) {
    const bool its_own = result.seal == seal(session->agent.name, result.kind, result.attempt, result.work);
    if (its_own) {
      take_result(*session, result);
    } else {
      ++refused;
    }
  }
  if (refused > 0) observer_.on_refused_results(session->agent, refused);
  for (const ProcessFailure& failure : request.failures) take_process_failure(*session, failure);
  const bool brought = !request.results.empty();
  if (request.leaving) {
    if (!session->cut_off.empty()) cut_off_[session->agent.name] = {session->agent, session->cut_off};
    end_session(*session, "left");
  }
  decide_end(now);

  // A result that was known already may still be on its way to the disk: it is answered with that.
  if (brought && something_pending()) {
    channel.waits_for = next_group_;
  } else if (brought && in_flight_ != 0) {
    channel.waits_for = in_flight_;
  } else {
    return std::optional(ReportReply{directive()});
  }
  channel.parked = true;
  return std::optional<ReportReply>();
}

// --- planning
// ------------------------------------------------------------------------------------------------

void Orchestrator::on_plan(std::uint64_t mini_batches, std::uint64_t items, bool complete, Time now) {
  observe(now);
  if (mini_batches > planned_ || complete != plan_complete_) last_progress_ = now;
  planned_ = mini_batches;
  items_planned_ = items;
  plan_complete_ = complete;
  look_for_work_ = true;
  decide_end(now);
}

void Orchestrator::on_plan_failed(const Error& error, Time now) {
  end_job(JobState::kFailed, JobReason::kPlanFailed, error.message, now);
}

void Orchestrator::on_samples(Time now) {
  observe(now);
  look_for_work_ = true;
}

// --- commits
// -------------------------------------------------------------------------------------------------

std::optional<CommitGroup> Orchestrator::take_group(Time now) {
  if (in_flight_ != 0 || !accepts_results()) return std::nullopt;
  const bool last = end_is_due(now);
  if (!something_pending() && !last) return std::nullopt;
  CommitGroup group = std::exchange(pending_, {});
  group.number = next_group_++;
  gate_.mark_taken();
  in_flight_ = group.number;
  in_flight_counts_ = ledger_.counts();
  if (last) {
    ending_->stage = End::Stage::kTaken;
    if (ending_->abort) {
      // What comes from now on can no longer be committed, so it must not be acknowledged either.
      for (auto& [id, session] : sessions_) {
        if (!session.left) end_session(session, "the job has ended");
      }
    }
    ending_->result.progress = progress();
    ending_->result.progress.counts = ledger_.counts();
    group.end = ending_->result;
  }
  return group;
}

void Orchestrator::on_committed(std::uint64_t group, Time now) {
  observe(now);
  if (group != in_flight_) return;
  in_flight_ = 0;
  durable_ = in_flight_counts_;
  release_parts(group);
  gate_.recorded();
  look_for_work_ = true;
  if (!accepts_results()) ending_->stage = End::Stage::kDurable;
  acknowledged_ = durable_group_ = group;
  decide_end(now);
}

// --- time
// ----------------------------------------------------------------------------------------------------

void Orchestrator::tick(Time now) {
  observe(now);
  expire_sessions(now);
  for (auto& [id, session] : sessions_) {
    if (session.lease.parked && now >= session.lease.parked_until)
      session.lease.poll_over = look_for_work_ = true;
  }
  if (book_.wake(now)) look_for_work_ = true;
  check_scripts(now);
  decide_end(now);
  check_patience(now);
}

Orchestrator::Ready Orchestrator::take_ready() {
  Ready ready;
  if (acknowledged_ != 0) {
    for (auto& [id, session] : sessions_) {
      if (!session.report.parked || session.report.waits_for > acknowledged_) continue;
      session.report.parked = false;
      ready.reports.emplace_back(id, ReportReply{directive()});
    }
    acknowledged_ = 0;
  }
  if (!std::exchange(look_for_work_, false)) return ready;
  std::deque<std::uint64_t> still_parked;
  for (const std::uint64_t id : parked_) {
    Session* session = live(id);
    if (session == nullptr || session->left) {
      ready.leases.emplace_back(id, unknown_session());
      continue;
    }
    Session::LeaseChannel& channel = session->lease;
    channel.reply = grant(*session);
    if (!channel.reply && channel.poll_over) channel.reply = std::make_shared<const LeaseReply>();
    if (!channel.reply) {
      still_parked.push_back(id);
      continue;
    }
    channel.parked = channel.poll_over = false;
    ready.leases.emplace_back(id, channel.reply);
  }
  parked_ = std::move(still_parked);
  return ready;
}

Progress Orchestrator::progress() const {
  Progress progress;
  progress.counts = durable_;
  progress.planned = planned_;
  // The plan counts nothing for mini-batches whose items only their reader finds out.
  progress.items_total =
      std::max(items_planned_, ledger_.counts().items_succeeded + ledger_.counts().items_failed);
  progress.plan_complete = plan_complete_;
  progress.leased = book_.leased();
  progress.waiting_retry = book_.waiting();
  progress.run_us = run_us_;
  progress.losses_charged = losses_charged_;
  for (const auto& [id, session] : sessions_) {
    if (session.left) continue;
    ++progress.agents;
    progress.processes_ready += session.processes_ready;
  }
  return progress;
}

}  // namespace parallelrun::orchestrator
