#include "operator/controller/dataset_users.h"

#include "common/spec/dataset_use.h"

namespace parallelrun::op {

void DatasetUsers::job_changed(const kube::ObjectKey& key, const nlohmann::json* job) {
  std::set<std::string> names;
  if (job != nullptr) {
    for (const DatasetUse& use : dataset_uses_in(*job)) names.insert(use.name);
  }
  const std::lock_guard lock(mutex_);
  const auto before = datasets_.find(key);
  if (before == datasets_.end() && names.empty()) return;
  if (before != datasets_.end()) {
    for (const std::string& name : before->second) {
      const auto users = jobs_.find({key.name_space, name});
      if (users == jobs_.end()) continue;
      users->second.erase(key.name);
      if (users->second.empty()) jobs_.erase(users);
    }
    datasets_.erase(before);
  }
  for (const std::string& name : names) jobs_[{key.name_space, name}].insert(key.name);
  if (!names.empty()) datasets_.emplace(key, std::move(names));
}

std::vector<kube::ObjectKey> DatasetUsers::of(const kube::ObjectKey& dataset) const {
  std::vector<kube::ObjectKey> jobs;
  const std::lock_guard lock(mutex_);
  const auto users = jobs_.find(dataset);
  if (users == jobs_.end()) return jobs;
  for (const std::string& name : users->second) jobs.push_back({dataset.name_space, name});
  return jobs;
}

}  // namespace parallelrun::op
