// A cluster in memory, as far as decisions see one: a job, its pods and what becomes of them. Deterministic;
// it moves when it is told to.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "operator/decide/decide.h"

namespace parallelrun::op {

// "digits" in the namespace "default", valid, with three workers, never seen by an operator.
nlohmann::json a_job();

// A termination message of a runner.
std::string said(const std::string& state, const std::string& reason, const std::string& message);

class Cluster {
 public:
  explicit Cluster(nlohmann::json job = a_job());

  // --- what users and nodes do ---
  Cluster& edit(const char* field, nlohmann::json value);  // of spec; a new generation
  Cluster& after(std::chrono::milliseconds time);
  Cluster& run(const std::string& pod);  // scheduled, image pulled, started, ready
  Cluster& run_all();                    // all that are on their way
  // All its containers end. A kubelet tells that first, and the pod's phase when time has passed.
  Cluster& exit(const std::string& pod, int code, const std::string& message = "");
  Cluster& runner_exits(const std::string& pod, int code,
                        const std::string& message = "");  // a sidecar lives on
  Cluster& evict(const std::string& pod);                  // by its node: it is over, and disrupted
  Cluster& ask_to_go(const std::string& pod);  // kubectl delete, a drain, a lost node: it is being deleted
  Cluster& vanish(const std::string& pod);     // gone from the API
  Cluster& refuse(const std::string& prefix, const std::string& reason, const std::string& message);
  Cluster& refuse_nothing();
  // Versions of a ParallelRunDataset, and its end.
  Cluster& dataset(const std::string& name, const std::string& type, nlohmann::json versions);
  Cluster& no_dataset(const std::string& name);
  // A pod of another owner that has this name.
  Cluster& foreign_pod(const std::string& name, Role role);

  // --- the operator ---
  Snapshot snapshot() const;
  Plan decision() const { return decide(snapshot(), settings, now); }
  // Does at most `most` writes of the plan, in the plan's order. What it was decided on must be given, since
  // a status write is refused when the job has changed; what pods need is made all the same. False: something
  // was refused or left out.
  bool apply(const Plan& plan, const Snapshot& decided_on, std::size_t most = SIZE_MAX);
  // Decides and applies until nothing changes. Returns the number of rounds; fails a test after twenty.
  int settle();
  // settle() and run_all() until the job runs with all workers.
  Cluster& bring_up();

  // --- what there is ---
  bool has(const std::string& pod) const { return pods.contains(pod); }
  PodView& pod(const std::string& name);
  std::vector<std::string> names() const;  // of all pods, in order
  std::vector<std::string> going() const;  // being deleted
  std::string state() const;
  std::string message() const;
  // "True/Running"; empty: there is none.
  std::string condition(const std::string& type) const;
  // Reasons of the events since the last call.
  std::vector<std::string> news();

  Settings settings;
  WallTime now;
  nlohmann::json job;
  std::map<std::string, PodView> pods;
  bool deleted = false;  // the job
  DatasetsSeen datasets;
  EarlierJobSeen earlier;
  std::vector<EarlierRun> earlier_runs;  // of the namespace
  nlohmann::json job_json;               // what the Secret has been made of
  std::vector<JobEvent> events;
  std::size_t status_writes = 0;
  std::size_t writes = 0;
  // Of what is written side by side: the status, and what pods need.
  bool status_last = false;
  // Told of each pod before it is made.
  std::function<void(const PodIdentity&)> on_create;

 private:
  struct Rule {
    std::string prefix, reason, message;
  };
  bool create(const PodIdentity& identity);
  bool write_secret(const Plan& plan, const Snapshot& decided_on);
  std::map<std::string, std::string> late_phases_;  // by uid: what kubelets have yet to tell
  std::vector<Rule> rules_;
  std::map<std::string, Refusal> refusals_;
  std::optional<std::int64_t> secret_generation_;
  bool service_ = false;
  bool account_ = false;
  std::int64_t version_ = 1;
  std::int64_t pods_made_ = 0;
  std::size_t told_ = 0;
};

// Whether carrying a plan out would change nothing. (A pod that was refused is tried again, later.)
bool is_empty(const Plan& plan, const Snapshot& snapshot);

// For messages of tests.
std::string to_text(const Plan& plan);

}  // namespace parallelrun::op
