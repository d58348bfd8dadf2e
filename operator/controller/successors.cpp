#include "operator/controller/successors.h"

#include "operator/controller/job_record.h"

namespace parallelrun::op {

void Successors::job_changed(const kube::ObjectKey& key, const nlohmann::json* job) {
  const std::string name = job == nullptr ? "" : earlier_job_named_in(*job);
  const std::lock_guard lock(mutex_);
  if (const auto before = earlier_.find(key); before != earlier_.end()) {
    if (before->second == name) return;
    const auto waiting = waiting_.find({key.name_space, before->second});
    if (waiting != waiting_.end()) {
      waiting->second.erase(key.name);
      if (waiting->second.empty()) waiting_.erase(waiting);
    }
    earlier_.erase(before);
  }
  if (name.empty()) return;
  earlier_.emplace(key, name);
  waiting_[{key.name_space, name}].insert(key.name);
}

std::vector<kube::ObjectKey> Successors::of(const kube::ObjectKey& earlier) const {
  std::vector<kube::ObjectKey> jobs;
  const std::lock_guard lock(mutex_);
  const auto waiting = waiting_.find(earlier);
  if (waiting == waiting_.end()) return jobs;
  for (const std::string& name : waiting->second) jobs.push_back({earlier.name_space, name});
  return jobs;
}

}  // namespace parallelrun::op
