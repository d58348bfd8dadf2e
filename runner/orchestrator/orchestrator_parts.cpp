// Mini-batches whose tries all failed, and that are split until the items that fail stand alone.
#include <algorithm>
#include <utility>

#include "runner/orchestrator/orchestrator.h"
#include "runner/plan/split.h"

namespace parallelrun::orchestrator {

std::uint32_t Orchestrator::tries_of(const LeaseBook::Entry& entry) const {
  const bool only_where_to_look = entry.part != 0 && may_be_split(entry);
  return only_where_to_look ? 1 : options_.run_max_try;
}

bool Orchestrator::may_be_split(const LeaseBook::Entry& entry) const {
  return options_.isolate_failures && job_.knows_parts && entry.mini_batch.items > 1 &&
         halves_of(entry.part).has_value();
}

// Its halves are cut first: where that cannot be done, it has failed as a whole. Until then nothing is
// committed, so after a crash its last try is made again.
void Orchestrator::split(AttemptResult& result, LeaseBook::Entry& entry) {
  const std::uint64_t number = next_cutting_++;
  const Halves halves = *halves_of(entry.part);
  cutting_[number] = {entry.mini_batch,
                      {halves.first, halves.second},
                      Cutting::Failure{entry.work(), result.attempt, std::move(result.error)}};
  book_.set_aside(entry);
  const std::uint64_t items = entry.mini_batch.items;
  parts_.cut({number, entry.mini_batch, {items_of_part(2, items), items_of_part(3, items)}});
}

// Of a mini-batch that an earlier start has split.
void Orchestrator::want_open_parts(const MiniBatch& mini_batch) {
  Cutting cutting{mini_batch, ledger_.open_parts(mini_batch.id), std::nullopt};
  if (cutting.parts.empty()) return;
  PartCutter::Request request{next_cutting_++, mini_batch, {}};
  for (const std::uint32_t part : cutting.parts)
    request.ranges.push_back(items_of_part(part, mini_batch.items));
  cutting_[request.number] = std::move(cutting);
  parts_.cut(std::move(request));
}

// A part may be handed out only when its split is durable: after a crash nobody would know what its result
// is.
void Orchestrator::release_parts(std::uint64_t committed) {
  while (!undurable_parts_.empty() && undurable_parts_.front().first <= committed) {
    book_.add_waiting(std::move(undurable_parts_.front().second));
    undurable_parts_.pop_front();
  }
}

void Orchestrator::on_parts(std::uint64_t request, PartCutter::Cut cut, Time now) {
  observe(now);
  auto found = cutting_.extract(request);
  if (found.empty() || ending_) return;  // what is not committed is done again by the next start
  const Cutting& cutting = found.mapped();
  LeaseBook::Entry from;  // what the parts have of the whole
  if (cutting.failure) {
    LeaseBook::Entry* entry = book_.find(cutting.failure->work);
    if (entry == nullptr || !entry->aside) return;  // a late success has come
    if (!cut || !*cut) {
      observer_.on_split(
          cutting.failure->work, {},
          cut ? "its items cannot be told apart before a worker reads them" : cut.error().message);
      fail_for_good(cutting.failure->error, cutting.failure->attempt, *entry);
      return decide_end(now);
    }
    const std::uint64_t items = cutting.of.items;
    record({CommitEntry::Kind::kSplit, cutting.failure->work, cutting.failure->attempt, items, 0});
    observer_.on_split(cutting.failure->work, {(**cut)[0].items, (**cut)[1].items}, {});
    // Who took agents down may do so in one of the halves.
    from.losses = std::min(entry->losses, LeaseBook::kLossesOfASuspect);
    book_.erase(*entry);
  }
  for (std::size_t i = 0; i < cutting.parts.size(); ++i) {
    LeaseBook::Entry part = from;
    part.part = cutting.parts[i];
    const WorkId work{cutting.of.id, part.part};
    if (!ledger_.is_open(work)) continue;  // a result of an earlier start has come
    part.failed_tries = tries_before(work);
    if (cut && *cut) {
      part.mini_batch = std::move((**cut)[i]);
      if (cutting.failure) {
        undurable_parts_.emplace_back(next_group_, std::move(part));
      } else {
        book_.add_waiting(std::move(part));
      }
      continue;
    }
    // It was cut before, so its file is another one now.
    part.mini_batch = cutting.of;
    part.mini_batch.items = items_of_part(part.part, cutting.of.items).size();
    LeaseBook::Entry& entry = book_.add(std::move(part.mini_batch), part.part, part.failed_tries);
    const std::string why =
        cut ? "its items cannot be told apart before a worker reads them" : cut.error().message;
    observer_.on_split(work, {}, why);
    fail_for_good({ErrorPhase::kRead, "PartError", why, {}}, next_attempt(), entry);
  }
  look_for_work_ = true;
  decide_end(now);
}

}  // namespace parallelrun::orchestrator
