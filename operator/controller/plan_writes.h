// What comes of the writes of one plan: into the job's memory, the log, and the result of the plan.
// Thread-safe.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>

#include "common/kube/api_error.h"
#include "common/kube/watch_state.h"
#include "operator/controller/applier.h"

namespace parallelrun::op {

class PlanWrites {
 public:
  // `context` must outlive it. `generation` is that of the job which the plan was decided on.
  PlanWrites(const Applier::Context& context, kube::ObjectKey job, std::int64_t generation);

  // Something is different now; `what` is for the log.
  void wrote(const std::string& what);
  // `object` as Refusal has it: it is there, or was changed.
  void accepted(const std::string& object);
  // A write of `object` did not happen. `quiet`: it ends by itself and is not worth a word to the user.
  void failed(const std::string& object, const kube::ApiError& error, bool quiet = false);
  // The status was not written: the job is gone, or it is tried again.
  void status_failed(const kube::ApiError& error);
  void job_is_gone();
  // Something else has written what the plan was to write: decide again.
  void outdated();

  // Whether it was refused lately, so that it is not time to try again.
  bool held(const std::string& object);
  bool failing() const;     // any failure or refusal so far
  bool unfinished() const;  // a failure that passes by itself

  ApplyResult result() const;

  // Calls `use(JobMemory&)`, see JobMemories::with.
  template <typename Use>
  auto remember(Use use) {
    return context_.memories.with(text_, use);
  }

 private:
  const Applier::Context& context_;
  const kube::ObjectKey job_;
  const std::string text_;  // of the key
  const std::int64_t generation_;
  mutable std::mutex mutex_;
  ApplyResult result_;  // guarded by mutex_
};

}  // namespace parallelrun::op
