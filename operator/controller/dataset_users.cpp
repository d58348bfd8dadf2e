#include "operator/controller/dataset_users.h"

#include <set>
#include <string>
#include <utility>

#include "common/spec/dataset_use.h"

namespace parallelrun::op {

void DatasetUsers::job_changed(const kube::ObjectKey& key, const nlohmann::json* job) {
  std::set<std::string> names;
  if (job != nullptr) {
    for (const DatasetUse& use : dataset_uses_in(*job)) names.insert(use.name);
  }
  jobs_.names(key, std::move(names));
}

}  // namespace parallelrun::op
