#include "runner/orchestrator/lease_book.h"

#include <utility>

namespace parallelrun::orchestrator {

LeaseBook::Entry* LeaseBook::find(const WorkId& id) {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : &found->second;
}

const LeaseBook::Entry* LeaseBook::find(const WorkId& id) const {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : &found->second;
}

LeaseBook::Entry& LeaseBook::add(MiniBatch mini_batch, std::uint32_t part, std::uint32_t failed_tries) {
  bytes_ += mini_batch.descriptor.size();
  Entry entry;
  entry.failed_tries = failed_tries;
  entry.part = part;
  entry.mini_batch = std::move(mini_batch);
  const WorkId work = entry.work();
  return entries_.emplace(work, std::move(entry)).first->second;
}

void LeaseBook::lease(Entry& entry, std::uint64_t attempt, std::uint64_t session) {
  entry.attempt = attempt;
  entry.session = session;
  entry.ticket = 0;
  ++leased_;
  ++held_[session];
}

void LeaseBook::end_lease(Entry& entry) {
  const auto held = held_.find(entry.session);
  if (--held->second == 0) held_.erase(held);
  --leased_;
  entry.attempt = 0;
  entry.session = 0;
}

void LeaseBook::enqueue(const Entry& entry, bool first) {
  const Place place{entry.work(), entry.ticket};
  if (entry.suspect()) {
    suspects_.push_back(place);
  } else if (first) {
    first_.insert(place);
  } else {
    queue_.push_back(place);
  }
}

void LeaseBook::release(Entry& entry, bool first) {
  if (entry.attempt == 0) return;
  end_lease(entry);
  entry.ticket = next_ticket_++;
  enqueue(entry, first);
}

void LeaseBook::release_at(Entry& entry, Time due) {
  if (entry.attempt == 0) return;
  end_lease(entry);
  entry.ticket = next_ticket_++;
  entry.delayed = true;
  ++delayed_;
  later_.emplace(due, Place{entry.work(), entry.ticket});
}

void LeaseBook::set_aside(Entry& entry) {
  if (entry.attempt != 0) end_lease(entry);
  entry.ticket = next_ticket_++;  // the places that it had are void
  if (!std::exchange(entry.delayed, true)) ++delayed_;
  entry.aside = true;
}

void LeaseBook::add_waiting(Entry entry) {
  bytes_ += entry.mini_batch.descriptor.size();
  entry.ticket = next_ticket_++;
  const WorkId work = entry.work();
  enqueue(entries_.emplace(work, std::move(entry)).first->second, true);
}

void LeaseBook::enqueue_anew(Entry& entry) {
  if (entry.attempt != 0 || entry.delayed) return;
  entry.ticket = next_ticket_++;
  enqueue(entry, true);
}

bool LeaseBook::wake(Time now) {
  bool woken = false;
  while (!later_.empty() && later_.begin()->first <= now) {
    Entry* entry = waiting_at(later_.begin()->second);
    later_.erase(later_.begin());
    if (entry == nullptr) continue;
    entry->delayed = false;
    --delayed_;
    enqueue(*entry, false);
    woken = true;
  }
  return woken;
}

void LeaseBook::erase(Entry& entry) {
  if (entry.attempt != 0) end_lease(entry);
  if (entry.delayed) --delayed_;
  bytes_ -= entry.mini_batch.descriptor.size();
  entries_.erase(entry.work());
}

std::uint64_t LeaseBook::held_by(std::uint64_t session) const {
  const auto held = held_.find(session);
  return held == held_.end() ? 0 : held->second;
}

LeaseBook::Entry* LeaseBook::next_suspect() {
  while (!suspects_.empty() && waiting_at(suspects_.front()) == nullptr) suspects_.pop_front();
  return suspects_.empty() ? nullptr : waiting_at(suspects_.front());
}

LeaseBook::Entry* LeaseBook::waiting_at(const Place& place) {
  Entry* entry = find(place.work);
  return entry != nullptr && entry->ticket == place.ticket ? entry : nullptr;
}

LeaseBook::Entry* LeaseBook::next_waiting(std::uint64_t session) {
  while (!first_.empty() && waiting_at(*first_.begin()) == nullptr) first_.erase(first_.begin());
  while (!queue_.empty() && waiting_at(queue_.front()) == nullptr) queue_.pop_front();
  Entry* next = nullptr;
  std::size_t seen = 0;
  // Whether the search is over: one that failed elsewhere was found, or it went far enough.
  const auto look_at = [&](const Place& place) {
    Entry* entry = waiting_at(place);
    if (entry != nullptr && (next == nullptr || entry->failed_on != session)) next = entry;
    return ++seen == kLookAhead || (entry != nullptr && entry->failed_on != session);
  };
  for (const Place& place : first_) {
    if (look_at(place)) return next;
  }
  for (const Place& place : queue_) {
    if (look_at(place)) return next;
  }
  return next;
}

}  // namespace parallelrun::orchestrator
