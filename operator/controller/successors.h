// Which jobs wait for which earlier job of their namespace to end [spec.resubmissionOf]. Thread-safe.
#pragma once

#include <vector>

#include "common/json/json.h"
#include "common/kube/watch_state.h"
#include "operator/controller/jobs_by_name.h"

namespace parallelrun::op {

class Successors {
 public:
  // `job` as it is now; null: it is gone. To be called before the job is decided on, so that whoever changes
  // the earlier job after the decision has read it finds this one here.
  void job_changed(const kube::ObjectKey& key, const nlohmann::json* job);

  // The jobs that wait for this one.
  std::vector<kube::ObjectKey> of(const kube::ObjectKey& earlier) const { return jobs_.of(earlier); }

 private:
  JobsByName jobs_;
};

}  // namespace parallelrun::op
