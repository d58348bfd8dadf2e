// Agents that are lost, and mini-batches that may have taken them down.
#include <algorithm>

#include "common/text/counted.h"
#include "runner/orchestrator/orchestrator.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun::orchestrator {

std::string in_words(const Silence& silence) {
  const std::uint64_t n = silence.mini_batches;
  std::string words = fmt::format("{} on {} has not answered for {} s", one_line(silence.agent.name),
                                  one_line(silence.agent.node), silence.silent.count());
  if (n == 0) return words + "; it has no mini-batch";
  words += n == 1 ? "; its mini-batch " : "; its " + counted(n, "mini-batch") + " ";
  const auto wait = silence.handed_over_in.count();
  if (wait > 0) return words + fmt::format("{} handed to other agents in {} s", n == 1 ? "is" : "are", wait);
  return words + fmt::format("{} handed to other agents {} s ago", n == 1 ? "was" : "were", -wait);
}

// The mini-batches that may have been inside run() when the agent was lost: those that it told of. What is
// inside for less than its reports take is never told: then it is one of those that it had to run next.
std::vector<WorkId> Orchestrator::inside_at_loss(const Session& session) {
  std::vector<std::pair<std::uint64_t, WorkId>> held;
  std::vector<WorkId> inside;
  book_.for_each_lease_of(session.agent.session, [&](const LeaseBook::Entry& entry) {
    held.emplace_back(entry.attempt, entry.work());
    const bool told =
        std::find(session.inside.begin(), session.inside.end(), entry.attempt) != session.inside.end();
    if (told) inside.push_back(entry.work());
  });
  if (!inside.empty()) return inside;
  const auto next =
      held.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(session.agent.slots, held.size()));
  std::partial_sort(held.begin(), next, held.end(),
                    [](const auto& a, const auto& b) { return a.first < b.first; });
  for (auto it = held.begin(); it != next; ++it) inside.push_back(it->second);
  return inside;
}

// One that was inside at two losses is a suspect. From then on each further loss with it inside is a failed
// try of it, under an attempt of its own: the lost one may still bring a result.
void Orchestrator::remember_loss(const AgentView& agent, WorkId id, const std::string& why) {
  LeaseBook::Entry& entry = *book_.find(id);
  ++entry.losses;
  if (entry.losses <= LeaseBook::kLossesOfASuspect) {
    if (entry.suspect()) observer_.on_suspect(agent, id, entry.losses);
    return;
  }
  ++losses_charged_;
  AttemptResult result;
  result.attempt = next_attempt();
  result.work = id;
  result.outcome = Outcome::kDied;
  result.items = entry.mini_batch.items;
  result.error = {
      ErrorPhase::kRun,
      "AgentLost",
      fmt::format("{} agents were lost while run() worked on this mini-batch. The last one was {} on {}: {}",
                  entry.losses, one_line(agent.name), one_line(agent.node), why),
      {}};
  take_failure(agent, result, entry);
}

// The silence that ends a session. With a suspect inside it will cost that one a try, and only a successor
// can say how the agent ended: it has time to come. Nothing else is held up, since suspects run alone.
Duration Orchestrator::patience_with(const Session& session) const {
  constexpr int kLonger = 5;
  if (session.left || ending_ || !session.alone_with) return options_.session_timeout;
  const LeaseBook::Entry* suspect = book_.find(*session.alone_with);
  const bool holds = suspect != nullptr && suspect->attempt != 0 && suspect->session == session.agent.session;
  return options_.session_timeout * (holds ? kLonger : 1);
}

// An agent that is told to go in an orderly way (a drain, fewer nodes) costs nobody anything: no end is told
// to its successor. A kubelet that evicts a pod for what the pod did asks it to go in the same way, but then
// its end is told.
void Orchestrator::remember_cut_off(const std::string& agent, const std::string& predecessor_end) {
  const auto left = cut_off_.extract(agent);
  if (left.empty() || predecessor_end.empty() || ending_) return;
  for (const WorkId id : left.mapped().work) {
    LeaseBook::Entry* entry = book_.find(id);
    if (entry == nullptr || entry->aside) continue;
    if (entry->attempt != 0 && entry->suspect()) {  // another agent is at it: that try is not to be charged
      ++entry->losses;
      continue;
    }
    remember_loss(left.mapped().agent, id, "it " + one_line(predecessor_end));
    // Among the suspects, if it is one now.
    if (LeaseBook::Entry* still = book_.find(id)) book_.enqueue_anew(*still);
  }
  look_for_work_ = true;
}

// Precondition: it has not left.
void Orchestrator::lose_session(Session& session, const std::string& why) {
  if (!ending_) {
    for (const WorkId id : inside_at_loss(session)) remember_loss(session.agent, id, why);
  }
  end_session(session, why);
}

}  // namespace parallelrun::orchestrator
