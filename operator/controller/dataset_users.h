// Which jobs name which datasets, so that a change of a dataset is work for those alone. Thread-safe.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "common/kube/watch_state.h"

namespace parallelrun::op {

class DatasetUsers {
 public:
  // `job` as it is now; null: it is gone, or needs no dataset any more. To be called before the job is
  // decided on, so that whoever changes a dataset after the decision has read it finds the job here.
  void job_changed(const kube::ObjectKey& key, const nlohmann::json* job);

  // The jobs that name this dataset.
  std::vector<kube::ObjectKey> of(const kube::ObjectKey& dataset) const;

 private:
  mutable std::mutex mutex_;
  std::map<kube::ObjectKey, std::set<std::string>> datasets_;  // names, by job
  std::map<kube::ObjectKey, std::set<std::string>> jobs_;      // names, by dataset
};

}  // namespace parallelrun::op
