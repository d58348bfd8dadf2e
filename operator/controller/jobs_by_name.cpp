#include "operator/controller/jobs_by_name.h"

#include <utility>

namespace parallelrun::op {

void JobsByName::names(const kube::ObjectKey& job, std::set<std::string> names) {
  const std::lock_guard lock(mutex_);
  const auto before = names_.find(job);
  if (before == names_.end() ? names.empty() : before->second == names) return;
  if (before != names_.end()) {
    for (const std::string& name : before->second) {
      const auto jobs = jobs_.find({job.name_space, name});
      if (jobs == jobs_.end()) continue;
      jobs->second.erase(job.name);
      if (jobs->second.empty()) jobs_.erase(jobs);
    }
    names_.erase(before);
  }
  for (const std::string& name : names) jobs_[{job.name_space, name}].insert(job.name);
  if (!names.empty()) names_.emplace(job, std::move(names));
}

std::vector<kube::ObjectKey> JobsByName::of(const kube::ObjectKey& object) const {
  std::vector<kube::ObjectKey> found;
  const std::lock_guard lock(mutex_);
  const auto jobs = jobs_.find(object);
  if (jobs == jobs_.end()) return found;
  for (const std::string& name : jobs->second) found.push_back({object.name_space, name});
  return found;
}

}  // namespace parallelrun::op
