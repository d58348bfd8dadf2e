#include "runner/cluster/look_end.h"

#include "common/json/compact_text.h"
#include "common/json/json.h"
#include "common/json/members.h"
#include "common/pod/pod_layout.h"

namespace parallelrun::cluster {

std::string termination_text(const LookEnd& end) {
  std::string errors = end.errors;
  while (true) {
    std::string text = compact_text(
        {{"exitCode", end.exit_code}, {"bytes", end.bytes}, {"sha256", end.sha256}, {"errors", errors}});
    if (text.size() <= pod::kTerminationMessageLimit || errors.empty()) return text;
    // What is escaped is longer in JSON; halving ends soon.
    errors.erase(0, errors.size() / 2 + 1);
  }
}

std::optional<LookEnd> look_end_from(const std::string& text) {
  const auto said = nlohmann::json::parse(text, nullptr, false);
  if (!said.is_object() || !number_at(said, "exitCode") || text_at(said, "sha256").empty())
    return std::nullopt;
  return LookEnd{static_cast<int>(*number_at(said, "exitCode")), count_at(said, "bytes"),
                 text_at(said, "sha256"), text_at(said, "errors")};
}

}  // namespace parallelrun::cluster
