// The work queue with threads that take from it.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/kube/work_queue.h"
#include "operator/controller/observer.h"

namespace parallelrun::op {

class ReconcileLoop {
 public:
  struct Outcome {
    bool failed = false;                 // again after its back-off
    kube::Duration at_least{};           // of that back-off, as the server asked
    std::optional<kube::Time> again_at;  // besides
  };
  // Works on one key; never on the same key in two threads. Must not throw.
  using Reconcile = std::function<Outcome(const std::string& key)>;

  ReconcileLoop(kube::WorkQueue::Options options, Reconcile reconcile, Observer& observer);
  // Waits for the keys that are being worked on.
  ~ReconcileLoop();
  ReconcileLoop(const ReconcileLoop&) = delete;
  ReconcileLoop& operator=(const ReconcileLoop&) = delete;

  // To be called once; keys may be added before.
  void start(std::size_t threads);
  // While paused nothing is taken from the queue; what is under way goes on.
  void pause(bool paused);
  // Nothing more is taken from the queue. Returns at once; `running` says when the last is done.
  void stop();

  // Thread-safe, as are the functions below.
  void add(const std::string& key);
  void add_at(const std::string& key, kube::Time at);

  struct State {
    std::size_t depth = 0;
    std::size_t active = 0;
    kube::Duration longest{};     // the oldest key being worked on
    kube::Duration unfinished{};  // sum over those
  };
  State state() const;

 private:
  void work(const std::stop_token& stop);
  std::optional<kube::WorkQueue::Item> take(const std::stop_token& stop);
  void finish(const std::string& key, const Outcome& outcome, kube::Duration took);

  const Reconcile reconcile_;
  Observer& observer_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  kube::WorkQueue queue_;                     // guarded by mutex_
  std::map<std::string, kube::Time> active_;  // guarded by mutex_
  bool paused_ = false;                       // guarded by mutex_
  std::vector<std::jthread> threads_;
};

}  // namespace parallelrun::op
