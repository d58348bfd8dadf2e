// The status that a decision would like to have, beside the one that is there. Internal to the room.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/json/json.h"
#include "operator/decide/conditions.h"
#include "operator/decide/wall_time.h"

namespace parallelrun::op {

class StatusDraft {
 public:
  // `job` must outlive the draft.
  StatusDraft(const nlohmann::json& job, std::int64_t generation, WallTime now);

  void set(const char* member, nlohmann::json value) { draft_[member] = std::move(value); }
  const nlohmann::json& draft() const { return draft_; }

  // Sets a condition. Its transition time changes with its status only, and what is the same in every respect
  // stays untouched. Texts are cut to what the schema takes.
  void condition(ConditionType type, bool holds, const ReasonWord& reason, const std::string& message);

  // `status.state`.
  void state(JobState state);
  // `status.message`, which is one line, cut as those of conditions are.
  void message(const std::string& text);

  // Whether anything differs from the status that is there.
  bool changed() const;
  // The whole new status but for a progress that was not set; nothing when it is the one that is there. Adds
  // observedGeneration.
  std::optional<nlohmann::json> take();

 private:
  nlohmann::json before_;  // without progress
  nlohmann::json draft_;
  std::int64_t generation_;
  WallTime now_;
};

}  // namespace parallelrun::op
