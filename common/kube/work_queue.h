// The queue of keys to reconcile. A key is in it once however often it is added; a key that is added while it
// is being processed comes again afterwards, so that one key never has two workers. No clock, lock or thread.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "common/kube/time.h"

namespace parallelrun::kube {

class WorkQueue {
 public:
  struct Options {
    Duration first_backoff = std::chrono::milliseconds(5);
    Duration longest_backoff = std::chrono::minutes(5);
  };
  struct Item {
    std::string key;
    Duration waited;  // from the moment it was due
  };

  explicit WorkQueue(Options options) : options_(options) {}

  void add(const std::string& key, Time now);
  // Due at `at`. Of several such calls for a key the earliest counts; `add` before it supersedes none of
  // them.
  void add_at(const std::string& key, Time at);
  // After a failure: due after first_backoff, twice that after the next one, and so on up to longest_backoff,
  // but not before `at_least`. Returns when it is due.
  Time add_after_failure(const std::string& key, Time now, Duration at_least = {});
  // The failures of `key` are forgotten; to be called after each success.
  void forget(const std::string& key) { failures_.erase(key); }

  // The key that has waited longest, if one is due. It is processed until `done`.
  std::optional<Item> take(Time now);
  // Precondition: `key` was taken and not yet done.
  void done(const std::string& key, Time now);

  // When `take` can give something next, if nothing is added: now or earlier if it can at once.
  std::optional<Time> next_due() const;

  std::size_t depth() const { return queue_.size(); }  // due and waiting
  std::size_t processing() const { return processing_.size(); }
  std::size_t failures(const std::string& key) const;

 private:
  void move_due(Time now);

  Options options_;
  std::deque<std::pair<std::string, Time>> queue_;  // with the time since when it is due
  std::unordered_map<std::string, Time> dirty_;     // in queue_, or to be queued when processed
  std::unordered_set<std::string> processing_;
  std::unordered_map<std::string, Time> delayed_;
  std::set<std::pair<Time, std::string>> delayed_by_time_;
  std::unordered_map<std::string, std::size_t> failures_;
};

}  // namespace parallelrun::kube
