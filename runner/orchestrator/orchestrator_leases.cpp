// What an agent is given when it asks for work.
#include <algorithm>

#include "runner/orchestrator/orchestrator.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun::orchestrator {

// Half of what a session's slots would get if `of` were dealt out now: large groups while there is plenty,
// single mini-batches near the end, so that nobody hoards what others could run. At least 1.
std::uint64_t Orchestrator::fair_share(const Session& session, std::uint64_t of) const {
  std::uint64_t slots = 0;
  for (const auto& [id, other] : sessions_) {
    if (other.usable()) slots += other.agent.slots - other.slots_given_up;
  }
  const std::uint64_t own =
      session.agent.slots > session.slots_given_up ? session.agent.slots - session.slots_given_up : 1;
  slots = std::max(slots, own);
  // The product of a plan's length and a slot count stays far below 2^64.
  return std::max<std::uint64_t>(1, (of * own + 2 * slots - 1) / (2 * slots));
}

// Charged to this work before this start; asked once.
std::uint32_t Orchestrator::tries_before(const WorkId& work) {
  const auto found = job_.tries.extract(work);
  return found.empty() ? 0 : found.mapped();
}

bool Orchestrator::others_parked(const Session& session) const {
  return std::any_of(parked_.begin(), parked_.end(),
                     [&](std::uint64_t id) { return id != session.agent.session; });
}

// Null: nothing to say now.
Orchestrator::LeaseAnswer Orchestrator::grant(Session& session) {
  auto reply = std::make_shared<LeaseReply>();
  reply->directive = directive();
  reply->revoked = std::move(session.revoked);
  session.revoked.clear();
  if (!ending_ && !held_ && session.lease.want > 0) {
    const std::uint64_t unfinished = planned_ - std::min(planned_, ledger_.finished());
    // Several parts of a split mini-batch may be leased.
    const std::uint64_t open = std::max(unfinished - std::min(unfinished, book_.leased()), book_.due());
    const std::uint64_t limit =
        std::min({std::uint64_t{session.lease.want}, std::uint64_t{options_.max_leases_per_reply},
                  fair_share(session, open)});
    const std::uint64_t retries = fair_share(session, book_.due());
    if (!grant_suspects(session, *reply)) {
      grant_types(session, *reply, limit);
      grant_retries(session, *reply, std::min(limit, retries));
      grant_new(session, *reply, limit);
    }
  }
  if (ending_) reply->directive = directive();
  const bool says_something =
      reply->directive != Directive::kRun || !reply->leases.empty() || !reply->revoked.empty();
  return says_something ? reply : nullptr;
}

void Orchestrator::grant_types(Session& session, LeaseReply& reply, std::uint64_t limit) {
  if (auto done = gate_.refresh(); !done) {
    end_job(JobState::kFailed, JobReason::kPlanFailed, done.error().message, now_);
    return;
  }
  while (reply.leases.size() < limit) {
    auto lease = gate_.lease(next_attempt(), session.agent.session, others_parked(session));
    if (!lease) return;
    lease->seal = seal(session.agent.name, lease->kind, lease->attempt, lease->work);
    reply.leases.push_back(std::move(*lease));
  }
}

// A suspect runs alone on its agent, so that whom it takes down is no other's doing. True: this session gets
// nothing else now.
bool Orchestrator::grant_suspects(Session& session, LeaseReply& reply) {
  const std::uint64_t id = session.agent.session;
  if (session.alone_with) {
    const LeaseBook::Entry* running = book_.find(*session.alone_with);
    if (running != nullptr && running->attempt != 0 && running->session == id) return true;
    session.alone_with.reset();
  }
  LeaseBook::Entry* suspect = gate_.deciding() ? nullptr : book_.next_suspect();
  if (suspect == nullptr) {
    reserved_ = 0;
    return false;
  }
  // An agent that has nothing is best; else one is emptied for it.
  if (book_.held_by(id) > 0) {
    if (const Session* reserved = live(reserved_); reserved == nullptr || !reserved->usable()) reserved_ = id;
    return reserved_ == id;
  }
  reserved_ = 0;
  session.alone_with = suspect->work();
  add_lease(session, *suspect, reply);
  return true;
}

void Orchestrator::grant_retries(Session& session, LeaseReply& reply, std::uint64_t limit) {
  while (reply.leases.size() < limit && !gate_.deciding()) {
    LeaseBook::Entry* entry = book_.next_waiting(session.agent.session);
    if (entry == nullptr) return;
    add_lease(session, *entry, reply);
  }
}

void Orchestrator::grant_new(Session& session, LeaseReply& reply, std::uint64_t limit) {
  while (!ending_ && reply.leases.size() < limit && book_.size() < options_.max_book &&
         book_.descriptor_bytes() < options_.max_book_bytes && peek_planned()) {
    if (!gate_.open(peeked_->input)) return;
    const std::uint32_t failed_tries = tries_before(WorkId{peeked_->id});
    LeaseBook::Entry& entry = book_.add(std::move(*peeked_), 0, failed_tries);
    peeked_.reset();
    add_lease(session, entry, reply);
  }
}

void Orchestrator::add_lease(Session& session, LeaseBook::Entry& entry, LeaseReply& reply) {
  const std::uint32_t input = entry.mini_batch.input;
  const InputInfo* info = gate_.info(input);
  if (info != nullptr && session.infos.insert(input).second) reply.input_infos.push_back(*info);
  book_.lease(entry, next_attempt(), session.agent.session);
  Lease lease;
  lease.attempt = entry.attempt;
  lease.work = entry.work();
  lease.seal = seal(session.agent.name, lease.kind, lease.attempt, lease.work);
  lease.input = input;
  lease.items = entry.mini_batch.items;
  lease.try_number = entry.failed_tries + 1;
  // What spoils a process is no longer there at the last try.
  lease.fresh_process = lease.try_number > 1 && lease.try_number >= tries_of(entry);
  lease.descriptor = entry.mini_batch.descriptor;
  reply.leases.push_back(std::move(lease));
}

// The next planned mini-batch that is not finished, in peeked_. The parts of one that is split come later.
bool Orchestrator::peek_planned() {
  while (!peeked_ || !ledger_.is_open(WorkId{peeked_->id})) {
    if (cutting_.size() >= kMostCuttings) return false;  // on_parts() goes on
    if (peeked_) want_open_parts(*peeked_);
    auto next = source_.next();
    if (!next) {
      end_job(JobState::kFailed, JobReason::kPlanFailed, next.error().message, now_);
      return false;
    }
    peeked_ = std::move(next).value();
    if (!peeked_) return false;
    if (peeked_->input >= gate_.inputs()) {
      end_job(JobState::kFailed, JobReason::kPlanFailed,
              fmt::format(".parallelrun/plan: mini-batch {} belongs to input {}, but the job has {}",
                          peeked_->id.value, peeked_->input, gate_.inputs()),
              now_);
      return false;
    }
  }
  return true;
}

}  // namespace parallelrun::orchestrator
