#include "operator/decide/status_draft.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "common/json/members.h"
#include "common/spec/utf8.h"
#include "common/text/presentable.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;

constexpr std::size_t kLongestMessage = 4096;  // bytes; the schema has room for more

// Tables of kubectl show a message in one line.
std::string one_line(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return text;
}

// Takes away numbers that the schema refuses: kept as they are, they would have every later status refused.
void drop_impossible_counts(json& status) {
  constexpr std::int64_t kHighest32 = std::numeric_limits<std::int32_t>::max();
  constexpr std::int64_t kHighest64 = std::numeric_limits<std::int64_t>::max();
  constexpr std::array<std::pair<const char*, std::int64_t>, 4> kCounts = {
      {{"replicas", kHighest32},
       {"readyReplicas", kHighest32},
       {"infrastructureFailures", kHighest64},
       {"activeSeconds", kHighest64}}};
  for (const auto& [name, highest] : kCounts) {
    if (!status.contains(name)) continue;
    const auto value = number_at(status, name);
    if (!value || *value < 0 || *value > highest) status.erase(name);
  }
}

}  // namespace

StatusDraft::StatusDraft(const json& job, std::int64_t generation, WallTime now)
    : generation_(generation), now_(now) {
  const auto status = job.find("status");
  before_ = status != job.end() && status->is_object() ? *status : json::object();
  before_.erase("progress");
  draft_ = before_;
  drop_impossible_counts(draft_);
}

void StatusDraft::condition(ConditionType type, bool holds, const ReasonWord& reason,
                            const std::string& message) {
  json& conditions = draft_["conditions"];
  if (!conditions.is_array()) conditions = json::array();
  auto found = std::find_if(conditions.begin(), conditions.end(),
                            [&](const json& one) { return text_at(one, "type") == to_string(type); });
  if (found == conditions.end()) {
    conditions.push_back({{"type", to_string(type)}});
    found = std::prev(conditions.end());
  }
  const char* status = holds ? "True" : "False";
  if (text_at(*found, "status") != status) (*found)["lastTransitionTime"] = format_wall_time(now_);
  (*found)["status"] = status;
  (*found)["reason"] = reason.text();
  (*found)["message"] = std::string(utf8_prefix(one_line(presentable_lines(message)), kLongestMessage));
  (*found)["observedGeneration"] = generation_;
}

void StatusDraft::state(JobState state) { draft_["state"] = to_string(state); }

void StatusDraft::message(const std::string& text) {
  draft_["message"] = std::string(utf8_prefix(one_line(presentable_lines(text)), kLongestMessage));
}

bool StatusDraft::changed() const { return draft_ != before_; }

std::optional<json> StatusDraft::take() {
  draft_["observedGeneration"] = generation_;
  if (!changed()) return std::nullopt;
  return std::move(draft_);
}

}  // namespace parallelrun::op
