// The plan of another output directory, read from a copy of it: a plan may end in the middle of a record.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "runner/orchestrator/stored_plan.h"

namespace parallelrun::orchestrator {

class OldPlan {
 public:
  // `ours`: the output directory in which the copy is.
  OldPlan(std::string from, std::string ours) : from_(std::move(from)), ours_(std::move(ours)) {}
  // Removes the copy.
  ~OldPlan();
  OldPlan(const OldPlan&) = delete;
  OldPlan& operator=(const OldPlan&) = delete;

  // Errors: kNotFound, kCorrupt, kNoSpace, kIo.
  Status open();
  // In order; nothing at the end. Errors: kCorrupt, kIo.
  Result<std::optional<MiniBatch>> next() { return plan_->next(plan_->found()); }

  bool complete() const { return plan_->found().complete; }
  const std::optional<MiniBatch>& last() const { return plan_->writer().last_found(); }
  const std::vector<PassedOver>& passed_over() const { return plan_->writer().passed_over(); }

 private:
  std::string copy() const { return ours_ + "/.parallelrun/plan.before"; }

  const std::string from_;
  const std::string ours_;
  std::unique_ptr<StoredPlan> plan_;
};

}  // namespace parallelrun::orchestrator
