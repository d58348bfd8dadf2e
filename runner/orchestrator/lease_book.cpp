#include "runner/orchestrator/lease_book.h"

#include <algorithm>
#include <utility>

namespace parallelrun::orchestrator {

LeaseBook::Entry* LeaseBook::find(MiniBatchId id) {
  const auto found = entries_.find(id.value);
  return found == entries_.end() ? nullptr : &found->second;
}

LeaseBook::Entry& LeaseBook::add(MiniBatch mini_batch, std::uint32_t failed_tries) {
  bytes_ += mini_batch.descriptor.size();
  Entry entry;
  entry.failed_tries = failed_tries;
  const std::uint64_t id = mini_batch.id.value;
  entry.mini_batch = std::move(mini_batch);
  return entries_.emplace(id, std::move(entry)).first->second;
}

void LeaseBook::lease(Entry& entry, std::uint64_t attempt, std::uint64_t session) {
  entry.attempt = attempt;
  entry.session = session;
  entry.ticket = 0;
  ++leased_;
}

void LeaseBook::release(Entry& entry, bool first) {
  if (entry.attempt == 0) return;
  entry.attempt = 0;
  entry.session = 0;
  --leased_;
  entry.ticket = next_ticket_++;
  const Place place{entry.mini_batch.id.value, entry.ticket};
  if (first) {
    queue_.push_front(place);
  } else {
    queue_.push_back(place);
  }
}

void LeaseBook::erase(Entry& entry) {
  if (entry.attempt != 0) --leased_;
  bytes_ -= entry.mini_batch.descriptor.size();
  entries_.erase(entry.mini_batch.id.value);
}

LeaseBook::Entry* LeaseBook::waiting_at(const Place& place) {
  Entry* entry = find(MiniBatchId{place.mini_batch});
  return entry != nullptr && entry->ticket == place.ticket ? entry : nullptr;
}

LeaseBook::Entry* LeaseBook::next_waiting(std::uint64_t session) {
  while (!queue_.empty() && waiting_at(queue_.front()) == nullptr) queue_.pop_front();
  if (queue_.empty()) return nullptr;
  for (std::size_t i = 0; i < std::min(kLookAhead, queue_.size()); ++i) {
    Entry* entry = waiting_at(queue_[i]);
    if (entry != nullptr && entry->failed_on != session) return entry;
  }
  return waiting_at(queue_.front());
}

}  // namespace parallelrun::orchestrator
