// Which jobs wait for which earlier job of their namespace to end [spec.resubmissionOf]. Thread-safe.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "common/kube/watch_state.h"

namespace parallelrun::op {

class Successors {
 public:
  // `job` as it is now; null: it is gone. To be called before the job is decided on, so that whoever changes
  // the earlier job after the decision has read it finds this one here.
  void job_changed(const kube::ObjectKey& key, const nlohmann::json* job);

  // The jobs that wait for this one.
  std::vector<kube::ObjectKey> of(const kube::ObjectKey& earlier) const;

 private:
  mutable std::mutex mutex_;
  std::map<kube::ObjectKey, std::string> earlier_;            // name, by job
  std::map<kube::ObjectKey, std::set<std::string>> waiting_;  // names, by earlier job
};

}  // namespace parallelrun::op
