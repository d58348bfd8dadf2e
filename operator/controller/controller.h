// The controller of ParallelRunJobs: caches -> queue -> decide -> apply.
#pragma once

#include <spdlog/logger.h>

#include <atomic>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "common/kube/kube_client.h"
#include "operator/controller/applier.h"
#include "operator/controller/caches.h"
#include "operator/controller/dataset_users.h"
#include "operator/controller/event_recorder.h"
#include "operator/controller/fan_out.h"
#include "operator/controller/finished_runs.h"
#include "operator/controller/job_memories.h"
#include "operator/controller/observer.h"
#include "operator/controller/reconcile_loop.h"
#include "operator/controller/successors.h"
#include "operator/decide/decide.h"

namespace parallelrun::op {

class Controller final : private CacheListener {
 public:
  using Decide = std::function<Plan(const Snapshot&, const Settings&, WallTime)>;
  struct Options {
    Settings settings;
    std::vector<std::string> name_spaces;  // empty: all
    std::size_t workers = 8;               // jobs at a time
    std::size_t request_threads = 16;      // that the requests of all steps share, besides the workers
    std::string instance;                  // names this operator in events
    // Changes of a job's pods come in bursts: the decision waits that long for the next one.
    kube::Duration pod_delay = std::chrono::milliseconds(50);
    std::function<double()> random;
    Decide decide = parallelrun::op::decide;
  };

  // References must outlive it.
  Controller(kube::KubeClient& client, Options options, Observer& observer,
             std::shared_ptr<spdlog::logger> log);
  // See `stop`.
  ~Controller() override;

  // Fills the caches and keeps them; decides nothing yet. To be called once.
  void start();
  bool synced() const { return caches_.synced(); }
  // Works on jobs until `stop`. Precondition: synced, and no other operator does. To be called once.
  void lead();
  // Not sure to lead any more, or sure again: while paused no job is begun.
  void pause(bool paused) { loop_.pause(paused); }
  // Takes no more work and waits for what is under way, up to `patience`; then requests are given up.
  void stop(kube::Duration patience);

  struct State {
    bool leads = false;
    ReconcileLoop::State queue;
    std::map<std::string, std::size_t> jobs;  // by state
    std::size_t pods = 0;
    std::size_t memories = 0;
  };
  State state() const;

 private:
  void job_changed(const kube::CacheChange& change) override;
  void pod_changed(const kube::CacheChange& change) override;
  void service_changed(const kube::CacheChange& change) override;
  void dataset_changed(const kube::CacheChange& change) override;
  ReconcileLoop::Outcome reconcile(const std::string& key);
  ReconcileLoop::Outcome reconcile(const kube::ObjectKey& job, const std::string& key);
  ReconcileLoop::Outcome threw(const std::string& key, const std::string& what);
  bool read_warnings(const Snapshot& snapshot, const Plan& plan, const kube::ObjectKey& job);
  void count_state(const nlohmann::json& before, const nlohmann::json& after);

  kube::KubeClient& client_;
  const Options options_;
  Observer& observer_;
  const std::shared_ptr<spdlog::logger> log_;
  std::stop_source give_up_;
  JobMemories memories_;
  DatasetUsers dataset_users_;
  Successors successors_;
  FinishedRuns finished_runs_;
  FanOut fan_out_;
  EventRecorder events_;
  Applier applier_;
  ReconcileLoop loop_;
  mutable std::mutex states_mutex_;
  std::map<std::string, std::size_t> states_;  // jobs by state; guarded by states_mutex_
  std::atomic<bool> leads_{false};
  Caches caches_;  // last: its threads call the others
};

}  // namespace parallelrun::op
