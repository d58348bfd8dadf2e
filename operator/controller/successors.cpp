#include "operator/controller/successors.h"

#include <set>
#include <string>
#include <utility>

#include "operator/controller/job_record.h"

namespace parallelrun::op {

void Successors::job_changed(const kube::ObjectKey& key, const nlohmann::json* job) {
  std::set<std::string> names;
  if (job != nullptr) names.insert(earlier_job_named_in(*job));
  names.erase("");
  jobs_.names(key, std::move(names));
}

}  // namespace parallelrun::op
