// The Lease of a job, by which one orchestrator's pod at a time works on it: common/kube's election on a
// thread of its own.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "common/kube/lease_election.h"

namespace parallelrun {

struct JobLeaseOptions {
  std::string name_space;
  std::string job_name;
  std::string job_uid;                // of the owner; empty: no owner reference
  std::string holder;                 // this process, see pod::lease_holder
  std::vector<std::string> ended;     // holders that are known to have ended
  std::chrono::seconds duration{60};  // see LeaseOptions::lease_duration; the other times are parts of it
};

// What the election works with.
kube::LeaseTarget lease_target(const JobLeaseOptions& options);
kube::LeaseOptions lease_options(const JobLeaseOptions& options);

class JobLease {
 public:
  // Starts to ask for it. `transport` must outlive this. `changed` is called on a thread of this object after
  // each change of standing(), and must not block.
  JobLease(kube::Transport& transport, const JobLeaseOptions& options, std::function<void()> changed);
  // Gives it back if it is ours, so that a successor need not wait: blocks for about 5 s at most. Nothing
  // that it protects may be at work any more.
  ~JobLease() = default;
  JobLease(const JobLease&) = delete;
  JobLease& operator=(const JobLease&) = delete;

  // Any thread.
  kube::LeaseStanding standing() const { return election_.standing(); }
  // For people: who holds it, or why nobody knows.
  std::string words() const;

 private:
  kube::LeaseElection election_;
  std::jthread thread_;
};

}  // namespace parallelrun
