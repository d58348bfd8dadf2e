// What the controller tells of itself, to be counted. Calls come from any thread and must not block.
#pragma once

#include <string>

#include "common/kube/time.h"
#include "operator/controller/job_record.h"

namespace parallelrun::op {

enum class ReconcileOutcome {
  kSuccess,
  kError,         // comes again after its back-off
  kRequeueAfter,  // a success that wants to come again at a time
};

class Observer {
 public:
  virtual ~Observer() = default;
  virtual void key_added() {}
  virtual void key_taken(kube::Duration waited) { (void)waited; }
  virtual void key_done(kube::Duration worked) { (void)worked; }
  virtual void key_retried() {}
  virtual void reconciled(ReconcileOutcome outcome, kube::Duration took) {
    (void)outcome;
    (void)took;
  }
  // `result` is "Complete" or "Failed"; `reason` that of the condition.
  virtual void job_finished(const std::string& result, const std::string& reason) {
    (void)result;
    (void)reason;
  }
  virtual void work_done(const WorkCounts& fresh) { (void)fresh; }
};

}  // namespace parallelrun::op
