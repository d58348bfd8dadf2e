// The memories of all jobs, and what is known of namespaces. Thread-safe.
#pragma once

#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "operator/controller/job_memory.h"

namespace parallelrun::op {

class JobMemories {
 public:
  // Calls `use(JobMemory&)` with the memory of the job "namespace/name" under a lock: it must be short, and
  // must not call this object. A memory that is empty afterwards is dropped.
  template <typename Use>
  auto with(const std::string& job, Use use) {
    const std::lock_guard lock(mutex_);
    struct Tidy {
      JobMemories& self;
      const std::string& job;
      ~Tidy() {
        const auto found = self.jobs_.find(job);
        if (found != self.jobs_.end() && found->second.empty()) self.jobs_.erase(found);
      }
    } const tidy{*this, job};
    return use(jobs_[job]);
  }
  void forget(const std::string& job) {
    const std::lock_guard lock(mutex_);
    jobs_.erase(job);
  }
  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return jobs_.size();
  }

  // Service account and role binding of a namespace.
  bool has_account(const std::string& name_space) const {
    const std::lock_guard lock(mutex_);
    return accounts_.contains(name_space);
  }
  void note_account(const std::string& name_space, bool exists) {
    const std::lock_guard lock(mutex_);
    if (exists) {
      accounts_.insert(name_space);
    } else {
      accounts_.erase(name_space);
    }
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_map<std::string, JobMemory> jobs_;
  std::set<std::string> accounts_;
};

}  // namespace parallelrun::op
