// Policy: failures of the job's own containers, and when they are too many for the job to go on. Deletions,
// evictions and lost nodes cost nothing. Internal to the room.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "operator/decide/end.h"

namespace parallelrun::op {

class FailureBudget {
 public:
  // Begins with what status has counted.
  explicit FailureBudget(const JobFacts& facts) : failures_(facts.infrastructure_failures) {}

  // `pod` has failed. It must outlive this.
  void count(const PodView& pod);
  // Nothing, while the job may go on.
  std::optional<End> end(const Decision& decision) const;
  void record(StatusDraft& status) const;

 private:
  std::int64_t failures_;
  std::vector<const PodView*> failed_;  // counted now
  bool orchestrator_failed_ = false;    // one of them
};

}  // namespace parallelrun::op
