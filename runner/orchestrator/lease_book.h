// The mini-batches, or parts of them, that are in the hands of agents or wait for another try: all that the
// orchestrator keeps in memory of the plan. Pure; one thread.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <unordered_map>

#include "runner/orchestrator/time.h"
#include "runner/plan/work_id.h"

namespace parallelrun::orchestrator {

class LeaseBook {
 public:
  struct Entry {
    MiniBatch mini_batch;            // of a part: its items, and its descriptor
    std::uint32_t part = 0;          // see WorkId
    std::uint32_t failed_tries = 0;  // charged
    std::uint64_t attempt = 0;       // 0: waits
    std::uint64_t session = 0;       // that holds the attempt
    std::uint64_t failed_on = 0;     // session of the last charged failure
    std::uint64_t ticket = 0;        // place in the queue while it waits
    bool delayed = false;            // waits for its time, or aside
    bool aside = false;              // its tries have failed, and its parts are being cut
    std::uint32_t losses = 0;        // agents that were lost while it was inside run() there
    WorkId work() const { return {mini_batch.id, part}; }
    bool suspect() const { return losses >= kLossesOfASuspect; }
  };
  // One that was inside run() when so many agents were lost may be what takes them down.
  static constexpr std::uint32_t kLossesOfASuspect = 2;

  // Null when it is not in the book. Valid until the entry is erased.
  Entry* find(const WorkId& id);
  const Entry* find(const WorkId& id) const;

  // What is leased for the first time in this epoch. Precondition: not in the book.
  Entry& add(MiniBatch mini_batch, std::uint32_t part, std::uint32_t failed_tries);
  // Precondition: it waits, or was just added.
  void lease(Entry& entry, std::uint64_t attempt, std::uint64_t session);
  // It waits for another try: behind the others, or `first` when it was handed back unstarted. Those go
  // before all others, the lowest number first: in the order in which they would have been done.
  void release(Entry& entry, bool first);
  // The same, behind the others, and not before `due`: see wake().
  void release_at(Entry& entry, Time due);
  // Where it belongs now, if it waits and is due: it may have become a suspect.
  void enqueue_anew(Entry& entry);
  // It is not leased any more, whatever waits: see orchestrator_parts.cpp.
  void set_aside(Entry& entry);
  // What is added and waits at once, in its order before what is new.
  void add_waiting(Entry entry);
  // True: the time of some has come, and they may be leased.
  bool wake(Time now);
  void erase(Entry& entry);

  // The next that waits, is due and no suspect, rather one that did not fail on `session`; null: none.
  Entry* next_waiting(std::uint64_t session);
  // The next suspect that waits and is due; null: none.
  Entry* next_suspect();

  // Calls visit(entry) for every entry leased to `session`; visit may release it.
  template <typename Visit>
  void for_each_lease_of(std::uint64_t session, Visit&& visit) {
    for (auto& [id, entry] : entries_) {
      if (entry.attempt != 0 && entry.session == session) visit(entry);
    }
  }

  std::uint64_t size() const { return entries_.size(); }
  std::uint64_t leased() const { return leased_; }
  std::uint64_t waiting() const { return entries_.size() - leased_; }
  std::uint64_t due() const { return waiting() - delayed_; }
  std::uint64_t held_by(std::uint64_t session) const;
  std::uint64_t descriptor_bytes() const { return bytes_; }

 private:
  struct Place {
    WorkId work;
    std::uint64_t ticket;
    auto operator<=>(const Place&) const = default;
  };
  // How far to look for one that failed elsewhere.
  static constexpr std::size_t kLookAhead = 32;

  Entry* waiting_at(const Place& place);
  void end_lease(Entry& entry);
  void enqueue(const Entry& entry, bool first);

  std::unordered_map<WorkId, Entry> entries_;
  // These may name entries that no longer wait; those are skipped.
  std::set<Place> first_;
  std::deque<Place> queue_;  // behind first_
  std::deque<Place> suspects_;
  std::multimap<Time, Place> later_;
  std::unordered_map<std::uint64_t, std::uint64_t> held_;  // leases by session
  std::uint64_t delayed_ = 0;
  std::uint64_t leased_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t next_ticket_ = 1;
};

}  // namespace parallelrun::orchestrator
