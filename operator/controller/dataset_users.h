// Which jobs name which datasets, so that a change of a dataset is work for those alone. Thread-safe.
#pragma once

#include <vector>

#include "common/json/json.h"
#include "common/kube/watch_state.h"
#include "operator/controller/jobs_by_name.h"

namespace parallelrun::op {

class DatasetUsers {
 public:
  // `job` as it is now; null: it is gone, or needs no dataset any more. To be called before the job is
  // decided on, so that whoever changes a dataset after the decision has read it finds the job here.
  void job_changed(const kube::ObjectKey& key, const nlohmann::json* job);

  // The jobs that name this dataset.
  std::vector<kube::ObjectKey> of(const kube::ObjectKey& dataset) const { return jobs_.of(dataset); }

 private:
  JobsByName jobs_;
};

}  // namespace parallelrun::op
