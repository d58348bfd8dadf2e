// The memories of all jobs, and what is known of namespaces. Thread-safe.
#pragma once

#include <condition_variable>
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
  // Calls `make()`, which says whether they exist now, unless that is known already; returns the same. Jobs
  // that begin together in a namespace wait for the first of them. `make` may use this object.
  template <typename Make>
  bool make_account_once(const std::string& name_space, Make make) {
    std::unique_lock lock(mutex_);
    account_made_.wait(lock, [&] { return !being_made_.contains(name_space); });
    if (accounts_.contains(name_space)) return true;
    being_made_.insert(name_space);
    lock.unlock();
    struct Done {
      JobMemories& self;
      const std::string& name_space;
      ~Done() {
        {
          const std::lock_guard lock(self.mutex_);
          self.being_made_.erase(name_space);
        }
        self.account_made_.notify_all();
      }
    } const done{*this, name_space};
    const bool made = make();
    note_account(name_space, made);
    return made;
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_map<std::string, JobMemory> jobs_;
  std::set<std::string> accounts_;
  std::set<std::string> being_made_;
  std::condition_variable account_made_;
};

}  // namespace parallelrun::op
